/* Stored passwords, what people make of their logins, lists of bad passwords, and the plan of an audit. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "../../milter/ctl/passwordfile.h"
#include "../../milter/ctl/passwordhash.h"
#include "../../milter/ctl/passwordlist.h"
#include "../../milter/ctl/passwordresume.h"
#include "../../milter/ctl/passwordvary.h"
#include "../../milter/ctl/passwordwork.h"
#include "harness.h"

/* ---- Schemes: each row was made by another program (doveadm, crypt(3) of Python) ---- */

static const struct {
	const char *stored, *password;
} vectors[] = {
	{ "{PLAIN}secret", "secret" },
	{ "{plain.b64}c2VjcmV0", "secret" },
	{ "{CLEARTEXT.hex}736563726574", "secret" },
	{ "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "password" },
	{ "{SHA}5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8", "password" },
	{ "{LDAP-MD5}X03MO1qnZdYdgyfeuILPmQ==", "password" },
	{ "{PLAIN-MD5}5f4dcc3b5aa765d61d8327deb882cf99", "password" },
	{ "{NTLM}8846f7eaee8fb117ad06bdd830b7586c", "password" },
	{ "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/", "password" },
	{ "{SHA256}XohImNooBHFR0OVvjcYpJ3NgPQ1qq73WKhHvch0VQtg=", "password" },
	{ "aajfMKNH1hTm2", "password" },
	{ NULL, NULL },
};

static bool fits(const char *stored, const char *password)
{
	struct mr_password_hash hash;
	struct mr_password_room *room = mr_password_room_new();
	const unsigned char *digest;
	size_t n;
	bool same;

	ck_assert_int_eq(mr_password_hash_read(stored, strlen(stored), &hash), 0);
	same = mr_password_try(&hash, password, strlen(password), room, &digest, &n) == MR_PASSWORD_MADE &&
	       n == hash.digest_n && memcmp(digest, hash.digest, n) == 0;
	mr_password_hash_clear(&hash);
	mr_password_room_free(&room);
	return same;
}

START_TEST(schemes)
{
	for (size_t i = 0; vectors[i].stored != NULL; i++) {
		ck_assert_msg(fits(vectors[i].stored, vectors[i].password), "%s", vectors[i].stored);
		ck_assert_msg(!fits(vectors[i].stored, "Password"), "%s", vectors[i].stored);
	}
}
END_TEST

/* RFC 6070: "password", "salt", 2 rounds. */
START_TEST(pbkdf2)
{
	ck_assert(fits("{PBKDF2}$1$salt$2$ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957", "password"));
	ck_assert(!fits("{PBKDF2}$1$salt$3$ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957", "password"));
	/* RFC 7677's example of SCRAM-SHA-256: "pencil". */
	ck_assert(fits("{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,"
		       "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=", "pencil"));
}
END_TEST

START_TEST(untried)
{
	static const char *const stored[] = {
		"", "{}x", "{NOPE}x", "{SSHA.b65}QQ==", "{SSHA}QQ==", "{SHA}short", "{SHA.hex}zz", "plain text", "{PLAIN.hex}6z",
		"$6$rounds=999999999$salt$x", "{PBKDF2}$1$s$99999999999$00", "{PBKDF2}$1$s$0$00", "{ARGON2ID}$argon2id$v=19$x",
		"{ARGON2ID}$argon2id$v=19$m=4194304,t=3,p=1$YWJj$YWJj", "{ARGON2ID}$argon2id$v=19$m=1024,t=4000,p=1$YWJj$YWJj",
		"$y$jzT$salt$hash", "$y$j9T5./$salt$hash", "$7$z6..../....salt$hash", "$2y$31$abcdefghijklmnopqrstuv", "$apr1$a$b",
		"{CRAM-MD5}00", "aaj0RbVoHoZW:", "{SCRAM-SHA-1}0,QQ==,QQ==,QQ==", NULL };

	for (size_t i = 0; stored[i] != NULL; i++) {
		struct mr_password_hash hash;

		ck_assert_int_eq(mr_password_hash_read(stored[i], strlen(stored[i]), &hash), 0);
		ck_assert_msg(hash.kind == MR_PASSWORD_UNTRIED, "%s", stored[i]);
		ck_assert_msg(hash.fault != NULL && hash.fault[0] != '\0', "%s", stored[i]);
		mr_password_hash_clear(&hash);
	}
}
END_TEST

START_TEST(locked)
{
	static const char *const stored[] = { "!", "*", "!!", "x", "!$6$salt$hash", "*LK*", NULL };

	for (size_t i = 0; stored[i] != NULL; i++) {
		struct mr_password_hash hash;

		ck_assert_int_eq(mr_password_hash_read(stored[i], strlen(stored[i]), &hash), 0);
		ck_assert_msg(hash.kind == MR_PASSWORD_LOCKED, "%s", stored[i]);
		mr_password_hash_clear(&hash);
	}
}
END_TEST

/* A long text, and one with a NUL, are no passwords; what is too long by a byte is not cut. */
START_TEST(bounds)
{
	char text[MR_PASSWORD_STORED_MAX + 1];
	struct mr_password_hash hash;

	memset(text, 'a', sizeof(text));
	memcpy(text, "{PLAIN}", 7);
	ck_assert_int_eq(mr_password_hash_read(text, MR_PASSWORD_STORED_MAX, &hash), 0);
	ck_assert_int_eq(hash.kind, MR_PASSWORD_PLAIN);
	ck_assert_uint_eq(hash.digest_n, MR_PASSWORD_STORED_MAX - 7);
	mr_password_hash_clear(&hash);
	ck_assert_int_eq(mr_password_hash_read(text, MR_PASSWORD_STORED_MAX + 1, &hash), 0);
	ck_assert_int_eq(hash.kind, MR_PASSWORD_UNTRIED);
	text[20] = '\0';
	ck_assert_int_eq(mr_password_hash_read(text, 40, &hash), 0);
	ck_assert_int_eq(hash.kind, MR_PASSWORD_UNTRIED);
}
END_TEST

/* ---- Lines ---- */

START_TEST(lines)
{
	struct mr_password_line line;
	const char *fault, *text = "anna@example.com:{PLAIN}x y:1:2:Anna Smith,Room 5:/h::extra";

	ck_assert_int_eq(mr_password_line_read(text, strlen(text), &line, &fault), MR_PASSWORD_LINE_ACCOUNT);
	ck_assert_int_eq(strncmp(line.login, "anna@example.com:", 17), 0);
	ck_assert_uint_eq(line.login_n, 16);
	ck_assert_uint_eq(line.stored_n, 10);
	ck_assert_uint_eq(line.name_n, 10);
	ck_assert_int_eq(strncmp(line.name, "Anna Smith", 10), 0);
	ck_assert_int_eq(mr_password_line_read("", 0, &line, &fault), MR_PASSWORD_LINE_NONE);
	ck_assert_int_eq(mr_password_line_read("# x:y", 5, &line, &fault), MR_PASSWORD_LINE_NONE);
	ck_assert_int_eq(mr_password_line_read("u:", 2, &line, &fault), MR_PASSWORD_LINE_ACCOUNT);
	ck_assert_uint_eq(line.stored_n, 0);
	ck_assert_int_eq(mr_password_line_read("u:h\r", 4, &line, &fault), MR_PASSWORD_LINE_ACCOUNT);
	ck_assert_uint_eq(line.stored_n, 1);
	ck_assert_int_eq(mr_password_line_read("nocolon", 7, &line, &fault), MR_PASSWORD_LINE_FAULT);
	ck_assert_int_eq(mr_password_line_read(":x", 2, &line, &fault), MR_PASSWORD_LINE_FAULT);
	ck_assert_int_eq(mr_password_line_read("a\033[2Jb:x", 8, &line, &fault), MR_PASSWORD_LINE_FAULT);
	ck_assert_int_eq(mr_password_line_read("a:b\0c", 5, &line, &fault), MR_PASSWORD_LINE_FAULT);
}
END_TEST

/* ---- Variations ---- */

static bool makes(const struct mr_password_words *words, const char *wanted, int year)
{
	for (size_t i = 0; i < mr_password_vary_count(words); i++) {
		char room[MR_PASSWORD_TRY_MAX];
		size_t n;

		if (mr_password_vary(words, i, year, room, sizeof(room), &n) && n == strlen(wanted) &&
		    memcmp(room, wanted, n) == 0)
			return true;
	}
	return false;
}

START_TEST(variations)
{
	static const char *const made[] = { "anna.smith", "annasmith", "Annasmith1", "smith1987", "Smith2026!", "anna99", "htims",
					    "ANNA", "annaanna", "bakery", "Bakery@2025", "b@k3ry", "Anna123!", "1anna",
					    "anna.smith@bakery.example.com", "Smith00", NULL };
	static const char *const not_made[] = { "mail", "com", "anna2031", "Anna1900", "", "an", NULL };
	struct mr_password_words words;

	mr_password_words_of("Anna.Smith@bakery.example.com", 29, "", 0, NULL, &words);
	for (size_t i = 0; made[i] != NULL; i++)
		ck_assert_msg(makes(&words, made[i], 2026), "%s", made[i]);
	for (size_t i = 0; not_made[i] != NULL; i++)
		ck_assert_msg(!makes(&words, not_made[i], 2026), "%s", not_made[i]);
	mr_password_words_of("u1", 2, "Bob O'Hara", 10, "bakery.de", &words);
	ck_assert(makes(&words, "Hara2024", 2026) && makes(&words, "bob1", 2026) && makes(&words, "Bakery1", 2026));
	mr_password_words_of("", 0, "", 0, NULL, &words);
	ck_assert_uint_eq(mr_password_vary_count(&words), 0);
}
END_TEST

/* No candidate of one word comes twice: no time is lost on it. */
START_TEST(no_doubles)
{
	struct mr_password_words words = { 0 };
	struct mr_password_list *list;
	char room[MR_PASSWORD_TRY_MAX], file[] = "/tmp/check_passwords.XXXXXX";
	size_t n, made = 0;
	int fd = mkstemp(file);
	FILE *out = fdopen(fd, "w");

	mr_password_words_add(&words, MR_PASSWORD_OF_LOGIN, "bakery", 6);
	for (size_t i = 0; i < mr_password_vary_count(&words); i++)
		if (mr_password_vary(&words, i, 2026, room, sizeof(room), &n)) {
			fprintf(out, "%.*s\n", (int)n, room);
			made++;
		}
	ck_assert_int_eq(fclose(out), 0);
	list = mr_password_list_new();
	ck_assert_int_eq(mr_password_list_add(list, "test", file, SIZE_MAX), 0);
	ck_assert_uint_gt(made, 400);
	ck_assert_uint_eq(mr_password_list_count(list), made);
	mr_password_list_free(&list);
	(void)unlink(file);
}
END_TEST

/* ---- Lists ---- */

static void write_file(char *name, const char *text)
{
	int fd = mkstemp(name);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq((int)write(fd, text, strlen(text)), (int)strlen(text));
	ck_assert_int_eq(close(fd), 0);
}

START_TEST(lists)
{
	char one[] = "/tmp/check_passwords.XXXXXX", two[] = "/tmp/check_passwords.XXXXXX";
	struct mr_password_list *list = mr_password_list_new();
	size_t i, n, rank;

	write_file(one, "#!comment: x\nfirst\r\n\nsecond\nfirst\n");
	write_file(two, "second\nthird\n");
	ck_assert_int_eq(mr_password_list_add(list, "test", one, SIZE_MAX), 0);
	ck_assert_int_eq(mr_password_list_add(list, "test", two, SIZE_MAX), 0);
	ck_assert_uint_eq(mr_password_list_count(list), 3);
	ck_assert(mr_password_list_find(list, "third", 5, &i));
	ck_assert_str_eq(mr_password_list_at(list, i, &n), "third");
	ck_assert_str_eq(mr_password_list_where(list, i, &rank), strrchr(two, '/') + 1);
	ck_assert_uint_eq(rank, 2);
	ck_assert(mr_password_list_find(list, "second", 6, &i));
	ck_assert_str_eq(mr_password_list_where(list, i, &rank), strrchr(one, '/') + 1);
	ck_assert(!mr_password_list_find(list, "secon", 5, &i) && !mr_password_list_find(list, "", 0, &i));
	mr_password_list_free(&list);
	(void)unlink(one);
	(void)unlink(two);
}
END_TEST

/* ---- The work ---- */

static struct mr_password_work *plan(const char *accounts, const struct mr_password_list *list)
{
	char file[] = "/tmp/check_passwords.XXXXXX";
	struct mr_password_work *work = mr_password_work_new();

	write_file(file, accounts);
	ck_assert_int_eq(mr_password_work_read(work, "test", file, NULL), 0);
	ck_assert_int_eq(mr_password_work_plan(work, list, 2026, false), 0);
	(void)unlink(file);
	return work;
}

static struct mr_password_list *small_list(void)
{
	char file[] = "/tmp/check_passwords.XXXXXX";
	struct mr_password_list *list = mr_password_list_new();

	write_file(file, "secret\ndragon\nmonkey\n");
	ck_assert_int_eq(mr_password_list_add(list, "test", file, SIZE_MAX), 0);
	(void)unlink(file);
	return list;
}

static const char accounts[] = "a1@b.example:{PLAIN}dragon\n"
			       "c2@b.example:{PLAIN}dragon\n"
			       "carla@d.example:{PLAIN}Carla2019!\n"
			       "dora@d.example:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n"
			       "emil@d.example:{PLAIN}9vX-something-else\n"
			       "fred@d.example:*\n"
			       "gina@d.example:{NOPE}x\n";

/* All units in any order give the same; the weight of all is what was promised. */
START_TEST(units)
{
	struct mr_password_list *list = small_list();
	struct mr_password_work *work = plan(accounts, list);
	struct mr_password_room *room = mr_password_room_new();
	_Atomic bool stop = false;
	struct mr_password_how how;
	double all = 0, weight;

	for (size_t i = mr_password_work_units(work); i-- > 0;) {
		(void)mr_password_work_do(work, i, room, &stop, &weight);
		all += weight;
	}
	ck_assert_double_eq(all, mr_password_work_weight(work));
	for (size_t i = 0; i < 4; i++)
		ck_assert_uint_gt(mr_password_work_account(work, i)->found, 0);
	for (size_t i = 4; i < 7; i++)
		ck_assert_uint_eq(mr_password_work_account(work, i)->found, 0);
	mr_password_work_how(work, mr_password_work_account(work, 0), mr_password_work_account(work, 0)->found - 1, &how);
	ck_assert_uint_eq(how.rank, 2);
	mr_password_work_how(work, mr_password_work_account(work, 2), mr_password_work_account(work, 2)->found - 1, &how);
	ck_assert_ptr_null(how.list);
	ck_assert_str_eq(how.source, "the login");
	ck_assert_str_eq(how.form, "with a capital letter");
	ck_assert_str_eq(how.ending, "a year and a sign");
	mr_password_room_free(&room);
	mr_password_work_free(&work);
	mr_password_list_free(&list);
}
END_TEST

/* Accounts with one salt cost one try together. */
START_TEST(shared_salt)
{
	struct mr_password_list *list = small_list();
	struct mr_password_work *one = plan("a1:{PLAIN}dragon\n", list), *two = plan("a1:{PLAIN}x\nc2:{PLAIN}dragon\n", list);
	struct mr_password_room *room = mr_password_room_new();
	_Atomic bool stop = false;
	double weight;

	ck_assert_uint_eq(mr_password_work_units(one), mr_password_work_units(two));
	ck_assert_uint_eq(mr_password_work_do(two, 0, room, &stop, &weight), 1);
	ck_assert_uint_eq(mr_password_work_do(two, 1, room, &stop, &weight), 1);
	ck_assert_uint_eq(mr_password_work_account(two, 0)->found, 0);
	ck_assert_uint_eq(mr_password_work_account(two, 1)->found, 2);
	mr_password_room_free(&room);
	mr_password_work_free(&one);
	mr_password_work_free(&two);
	mr_password_list_free(&list);
}
END_TEST

/* Threads find the same as one; a state file gives back what it was given, is not for others, and fits only its file. */
START_TEST(crew_and_state)
{
	struct mr_password_list *list = small_list();
	struct mr_password_work *work = plan(accounts, list), *again = plan(accounts, list), *other = plan("x:*\n", list);
	struct mr_password_crew crew = { .threads = 4 };
	struct mr_password_progress progress = { 0 }, half;
	char file[] = "/tmp/check_passwords.XXXXXX", text[4096];
	struct stat st;
	FILE *in;
	size_t n;

	ck_assert_int_eq(mr_password_crew_run(&crew, "test", work, &progress), 0);
	ck_assert(progress.complete);
	ck_assert_uint_eq(progress.unit, mr_password_work_units(work));
	ck_assert_double_eq(progress.weight, mr_password_work_weight(work));
	progress.unit = 7;
	write_file(file, "");
	ck_assert_int_eq(mr_password_resume_write("test", file, work, &progress), 0);
	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_int_eq((int)(st.st_mode & 0777), 0600);
	in = fopen(file, "r");
	n = fread(text, 1, sizeof(text) - 1, in);
	text[n] = '\0';
	fclose(in);
	ck_assert_ptr_null(strstr(text, "dragon"));
	ck_assert_ptr_null(strstr(text, "Carla"));
	ck_assert_ptr_null(strstr(text, "dora"));
	ck_assert_int_eq(mr_password_resume_year("test", file), 2026);
	ck_assert_int_eq(mr_password_resume_read("test", file, again, &half), 0);
	ck_assert_uint_eq(half.unit, 7);
	for (size_t i = 0; i < mr_password_work_accounts(work); i++)
		ck_assert_uint_eq(mr_password_work_account(work, i)->found, mr_password_work_account(again, i)->found);
	ck_assert_int_eq(mr_password_resume_read("test", file, other, &half), -1);
	ck_assert_int_eq(chmod(file, 0644), 0);
	ck_assert_int_eq(mr_password_resume_read("test", file, again, &half), -1);
	(void)unlink(file);
	ck_assert_int_eq(mr_password_resume_read("test", file, again, &half), 0);
	mr_password_work_free(&work);
	mr_password_work_free(&again);
	mr_password_work_free(&other);
	mr_password_list_free(&list);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("passwords");
	TCase *cases = tcase_create("all");

	if (sodium_init() < 0)
		return 1;
	tcase_add_test(cases, schemes);
	tcase_add_test(cases, pbkdf2);
	tcase_add_test(cases, untried);
	tcase_add_test(cases, locked);
	tcase_add_test(cases, bounds);
	tcase_add_test(cases, lines);
	tcase_add_test(cases, variations);
	tcase_add_test(cases, no_doubles);
	tcase_add_test(cases, lists);
	tcase_add_test(cases, units);
	tcase_add_test(cases, shared_salt);
	tcase_add_test(cases, crew_and_state);
	suite_add_tcase(suite, cases);
	return mr_run_suite(suite);
}
