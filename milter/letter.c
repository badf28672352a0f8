/*
 * Mails that a person reads. Names come from outside: a header field is an encoded word (RFC 2047) as soon as it is not
 * plain, and the text is quoted-printable, so that no name adds a field, a line of SMTP or a byte that a relay changes.
 */
#include "letter.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TEXT_MAX = 4096, SUBJECT_MAX = 200, LINE_MAX_QP = 72, WORD_BYTES = 39, FOLD = 76 };

/* ---- Putting text together ---- */

struct text {
	FILE *file;
	size_t column; /* of the quoted-printable line */
};

static const char *month(int number)
{
	static const char *const names[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	return names[number % 12];
}

static void put_date(FILE *file, int64_t now_ms)
{
	static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	time_t now = (time_t)(now_ms / 1000);
	struct tm tm = { 0 };

	(void)gmtime_r(&now, &tm);
	(void)fprintf(file, "Date: %s, %02d %s %04d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday % 7], tm.tm_mday,
		      month(tm.tm_mon), tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static bool is_plain(const char *text)
{
	for (const char *p = text; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			return false;
	return strstr(text, "=?") == NULL;
}

/* The bytes of the character of UTF-8 that begins there. */
static size_t width(const char *text)
{
	size_t n = 1;

	while (((unsigned char)text[n] & 0xc0) == 0x80 && n < 4)
		n++;
	return n;
}

static void put_base64(FILE *file, const unsigned char *bytes, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < n; i += 3) {
		unsigned left = (unsigned)(n - i);
		uint32_t group = (uint32_t)bytes[i] << 16;

		if (left > 1)
			group |= (uint32_t)bytes[i + 1] << 8;
		if (left > 2)
			group |= bytes[i + 2];
		(void)fputc(digits[group >> 18 & 63], file);
		(void)fputc(digits[group >> 12 & 63], file);
		(void)fputc(left > 1 ? digits[group >> 6 & 63] : '=', file);
		(void)fputc(left > 2 ? digits[group & 63] : '=', file);
	}
}

static void put_encoded_words(FILE *file, const char *text)
{
	while (*text != '\0') {
		size_t n = 0, next = width(text);

		while (next > 0 && n + next <= WORD_BYTES) {
			n += next;
			next = text[n] != '\0' ? width(text + n) : 0;
		}
		(void)fputs(" =?UTF-8?B?", file);
		put_base64(file, (const unsigned char *)text, n);
		(void)fputs("?=\r\n", file);
		text += n;
	}
}

/* Folded at blanks (RFC 5322 2.2.3); a word that fits on no line becomes encoded words. */
static void put_subject(FILE *file, const char *text)
{
	size_t column = sizeof("Subject:") - 1, longest = 0, run = 0;

	for (const char *p = text; *p != '\0'; p++) {
		run = *p == ' ' ? 0 : run + 1;
		longest = run > longest ? run : longest;
	}
	(void)fputs("Subject:", file);
	if (!is_plain(text) || longest > FOLD - 2) {
		put_encoded_words(file, text);
		return;
	}
	while (*text != '\0') {
		size_t n = strcspn(text, " ");

		if (column > sizeof("Subject:") && column + n + 1 > FOLD) {
			(void)fputs("\r\n", file);
			column = 0;
		}
		(void)fprintf(file, " %.*s", (int)n, text);
		column += n + 1;
		text += n + strspn(text + n, " ");
	}
	(void)fputs("\r\n", file);
}

/* ---- Quoted-printable ---- */

static void put_byte(struct text *t, unsigned char c, bool last_of_line)
{
	bool plain = (c > ' ' && c <= '~' && c != '=') || (c == ' ' && !last_of_line);

	if (t->column + (plain ? 1 : 3) > LINE_MAX_QP) {
		(void)fputs("=\r\n", t->file);
		t->column = 0;
	}
	/* A dot or "From " at the start of a line would be changed on its way. */
	if (t->column == 0 && (c == '.' || c == 'F'))
		plain = false;
	if (plain)
		(void)fputc(c, t->file);
	else
		(void)fprintf(t->file, "=%02X", c);
	t->column += plain ? 1 : 3;
}

static void put_body(FILE *file, const char *text)
{
	struct text t = { .file = file };

	for (; *text != '\0'; text++) {
		if (*text == '\n') {
			(void)fputs("\r\n", file);
			t.column = 0;
		} else {
			put_byte(&t, (unsigned char)*text, text[1] == '\n' || text[1] == '\0');
		}
	}
	if (t.column > 0)
		(void)fputs("\r\n", file);
}

/* ---- What it says ---- */

/* Text of a notice on one line: other white space and control characters would let a name write lines of its own. */
static void put_flat(FILE *file, const char *text)
{
	for (; *text != '\0'; text++)
		(void)fputc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, file);
}

static void put_field(FILE *file, const char *label, const char *text)
{
	if (text[0] == '\0')
		return;
	(void)fprintf(file, "%s", label);
	put_flat(file, text);
	(void)fputc('\n', file);
}

static bool is_action(const struct mr_notice *notice, const char *action)
{
	return strcmp(mr_notice_text(notice, MR_NOTICE_ACTION), action) == 0;
}

static void operator_subject(FILE *file, const struct mr_notice *notice)
{
	const char *whom = mr_notice_whom(notice), *action = mr_notice_text(notice, MR_NOTICE_ACTION);

	(void)fputs("[mailreeve] ", file);
	for (; *action != '\0'; action++)
		(void)fputc(*action == '-' ? ' ' : *action, file);
	if (whom[0] != '\0')
		(void)fputs(": ", file);
	(void)fputs(whom, file);
}

static void put_command(FILE *file, const char *command, const struct mr_notice *notice, const char *what)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@._+-:/=%";
	const char *whom = mr_notice_whom(notice);

	/* A name that a shell would read otherwise is not put into a line that somebody copies. */
	if (whom[0] == '\0' || whom[0] == '-' || whom[strspn(whom, plain)] != '\0')
		return;
	(void)fprintf(file, "  mailreeve %s %s    %s\n", command, whom, what);
}

static void put_next_steps(FILE *file, const struct mr_notice *notice)
{
	if (is_action(notice, "account-frozen") || is_action(notice, "account-held") ||
	    is_action(notice, "account-watched")) {
		(void)fputs("\nWhat to do next:\n", file);
		put_command(file, "explain", notice, "says why, in words");
		put_command(file, "show account", notice, "shows what it sends, and what it usually sends");
		put_command(file, "thaw", notice, "when it was the owner after all; it is learned from");
		(void)fputs("If it was not the owner: a new password first, then thaw.\n", file);
	} else if (is_action(notice, "source-blocked")) {
		(void)fputs("\nWhat to do next:\n", file);
		put_command(file, "unblock", notice, "when it may send again");
	}
}

static void operator_text(FILE *file, const struct mr_notice *notice)
{
	put_field(file, "", mr_notice_text(notice, MR_NOTICE_MESSAGE));
	(void)fputc('\n', file);
	put_field(file, "Event:    ", mr_notice_text(notice, MR_NOTICE_ACTION));
	put_field(file, "Time:     ", mr_notice_text(notice, MR_NOTICE_TIME));
	put_field(file, "Host:     ", mr_notice_text(notice, MR_NOTICE_HOST));
	put_field(file, "Account:  ", mr_notice_whom(notice));
	put_field(file, "Client:   ", mr_notice_text(notice, MR_NOTICE_ADDRESS));
	put_field(file, "Reason:   ", mr_notice_text(notice, MR_NOTICE_CAUSE));
	put_field(file, "Operator: ", mr_notice_text(notice, MR_NOTICE_OPERATOR));
	put_field(file, "Event id: ", mr_notice_text(notice, MR_NOTICE_ID));
	if (mr_notice_repeated(notice) > 0)
		(void)fprintf(file, "Before it there were %" PRIu64 " more of this kind that no mail was sent for.\n",
			      mr_notice_repeated(notice));
	put_next_steps(file, notice);
}

static void owner_subject(FILE *file, const struct mr_notice *notice)
{
	if (is_action(notice, "account-held"))
		(void)fputs("Your mail waits for a check", file);
	else if (is_action(notice, "account-thawed"))
		(void)fputs("Your account may send mail again", file);
	else
		(void)fputs("Your account was stopped from sending mail", file);
}

/* No reason and no number: whoever stole the password may read this, too. */
static void owner_text(FILE *file, const struct mr_notice *notice, const char *contact)
{
	bool held = is_action(notice, "account-held"), thawed = is_action(notice, "account-thawed");

	(void)fputs("This is an automatic message of the mail server", file);
	put_field(file, " ", mr_notice_text(notice, MR_NOTICE_HOST));
	put_field(file, "\nAccount:  ", mr_notice_whom(notice));
	put_field(file, "Time:     ", mr_notice_text(notice, MR_NOTICE_TIME));
	put_field(file, "Event id: ", mr_notice_text(notice, MR_NOTICE_ID));
	if (thawed) {
		(void)fputs("\nYour account may send mail again.\n", file);
	} else if (held) {
		(void)fputs("\nA message of yours waits on the mail server and has not been sent: what your account sends "
			    "does not look like what you usually send. An operator will look at it.\n", file);
	} else if (mr_notice_text(notice, MR_NOTICE_OPERATOR)[0] != '\0') {
		(void)fputs("\nAn operator has stopped your account from sending mail. You can still receive mail.\n", file);
	} else {
		(void)fputs("\nYour account was stopped from sending mail: what it sent does not look like what you "
			    "usually send. You can still receive mail.\n", file);
	}
	if (!thawed)
		(void)fputs("\nIf it was you: tell the contact below what you sent, and to whom.\n"
			    "If it was not you: somebody else has your password. Change it now, from a computer that you "
			    "trust, and tell the contact below.\n", file);
	if (contact != NULL)
		put_field(file, "\nContact: ", contact);
	else
		(void)fputs("\nContact: the postmaster of your mail server\n", file);
	(void)fputs("\nNobody will ever ask you for your password, and this message holds no link.\n", file);
}

/* ---- The whole mail ---- */

static void put_header(FILE *file, const struct mr_letter *letter, const struct mr_notice *notice, const char *subject)
{
	const char *domain = strrchr(letter->from, '@');

	(void)fprintf(file, "From: Mailreeve <%s>\r\nTo: <%s>\r\n", letter->from, letter->to);
	put_subject(file, subject);
	put_date(file, letter->now_ms);
	(void)fprintf(file, "Message-ID: <%" PRId64 ".%016" PRIx64 "%s>\r\n", letter->now_ms, letter->unique,
		      domain != NULL ? domain : "@localhost");
	(void)fprintf(file, "Auto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: All\r\nMIME-Version: 1.0\r\n"
		      "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n");
	/* For filters of mail programs; a word of our own vocabulary. */
	(void)fprintf(file, "X-Mailreeve-Event: ");
	put_flat(file, mr_notice_text(notice, MR_NOTICE_ACTION));
	(void)fprintf(file, "\r\n\r\n");
}

/* Cuts the text behind its last whole character. */
static void cut(char *text, size_t most)
{
	size_t n = strlen(text);

	if (n <= most)
		return;
	n = most;
	while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--;
	text[n] = '\0';
}

static char *subject_of(const struct mr_letter *letter, const struct mr_notice *notice)
{
	char *text = NULL;
	size_t n;
	FILE *file = open_memstream(&text, &n);

	if (file == NULL)
		return NULL;
	if (letter->kind == MR_LETTER_OWNER)
		owner_subject(file, notice);
	else
		operator_subject(file, notice);
	if (fclose(file) != 0) {
		free(text);
		return NULL;
	}
	cut(text, SUBJECT_MAX);
	for (char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	return text;
}

static char *body_of(const struct mr_letter *letter, const struct mr_notice *notice)
{
	char *text = NULL;
	size_t n;
	FILE *file = open_memstream(&text, &n);

	if (file == NULL)
		return NULL;
	if (letter->kind == MR_LETTER_OWNER)
		owner_text(file, notice, letter->contact);
	else
		operator_text(file, notice);
	if (fclose(file) != 0) {
		free(text);
		return NULL;
	}
	cut(text, TEXT_MAX);
	return text;
}

char *mr_letter_write(const struct mr_letter *letter, const struct mr_notice *notice, size_t *n_r)
{
	char *subject = subject_of(letter, notice), *body = body_of(letter, notice), *mail = NULL;
	FILE *file = subject != NULL && body != NULL ? open_memstream(&mail, n_r) : NULL;

	if (file != NULL) {
		put_header(file, letter, notice, subject);
		put_body(file, body);
		if (fclose(file) != 0) {
			free(mail);
			mail = NULL;
		}
	}
	free(subject);
	free(body);
	return mail;
}
