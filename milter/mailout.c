/*
 * libcurl knows TLS, authentication and SMTP; here is only which mail goes when, and what is done when it does not. One
 * recipient a mail, so that an address that is refused keeps nobody else from being told.
 */
#include "mailout.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAUSE_FIRST_MS = 5000, PAUSE_MAX_MS = 300000, POLLS_MAX = 32, URL_MAX = 700 };
/* Older than this it is no news. */
static const int64_t give_up_ms = 4 * 3600 * 1000;

struct mail {
	struct mail *next;
	int64_t since_ms;
	size_t n, done;
	char *text;
	char to[]; /* with its NUL */
};

struct mr_mailout {
	struct mr_mailout_calls calls;
	const struct mr_noticeset *set; /* NULL: nothing is sent */
	CURLM *multi;
	CURL *easy;                     /* with the mail in progress, NULL: none */
	struct curl_slist *recipient;   /* of it */
	struct mail *sending, *first, *last;
	size_t waiting;
	int64_t pause_ms, until_ms;     /* 0: no pause */
	char words[CURL_ERROR_SIZE];
};

struct mr_mailout *mr_mailout_new(const struct mr_mailout_calls *calls)
{
	struct mr_mailout *out = calloc(1, sizeof(*out));

	if (out == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (out->multi = curl_multi_init()) == NULL) {
		free(out);
		return NULL;
	}
	out->calls = *calls;
	return out;
}

static void append(struct mr_mailout *out, struct mail *mail)
{
	mail->next = NULL;
	if (out->last != NULL)
		out->last->next = mail;
	else
		out->first = mail;
	out->last = mail;
}

int mr_mailout_put(struct mr_mailout *out, const char *to, char *text, size_t n, int64_t now_ms)
{
	size_t length = strlen(to) + 1;
	struct mail *mail = NULL;

	if (out->set != NULL && out->set->mail != NULL && out->waiting < out->set->queue)
		mail = malloc(sizeof(*mail) + length);
	if (mail == NULL) {
		free(text);
		return -1;
	}
	*mail = (struct mail){ .since_ms = now_ms, .n = n, .text = text };
	memcpy(mail->to, to, length);
	append(out, mail);
	out->waiting++;
	return 0;
}

size_t mr_mailout_waiting(const struct mr_mailout *out)
{
	return out->waiting;
}

static bool can_send(const struct mr_mailout *out)
{
	return out->set != NULL && out->set->mail != NULL && out->first != NULL;
}

bool mr_mailout_busy(const struct mr_mailout *out, int64_t now_ms)
{
	return out->easy != NULL || (can_send(out) && now_ms >= out->until_ms);
}

int64_t mr_mailout_next(const struct mr_mailout *out)
{
	return out->easy == NULL && can_send(out) ? out->until_ms : INT64_MAX;
}

static void free_mail(struct mr_mailout *out, struct mail *mail)
{
	free(mail->text);
	free(mail);
	out->waiting--;
}

/* ---- One mail ---- */

static size_t read_mail(char *bytes, size_t size, size_t count, void *context)
{
	struct mail *mail = context;
	size_t n = size * count;

	if (n > mail->n - mail->done)
		n = mail->n - mail->done;
	memcpy(bytes, mail->text + mail->done, n);
	mail->done += n;
	return n;
}

/* The host as the policy writes it, which has made sure of the form. */
static bool is_loopback(const char *url)
{
	const char *host = strstr(url, "://") + 3;
	size_t n = strcspn(host, host[0] == '[' ? "]" : ":");

	return (n == 9 && strncmp(host, "localhost", n) == 0) || (n == 4 && strncmp(host, "[::1", n) == 0) ||
	       (strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == n);
}

/* Between this host and itself nobody listens, and a certificate for "localhost" is hard to come by. Everywhere else
 * there is no mail without TLS and a certificate that is right. */
static void set_tls(const struct mr_noticeset *set, CURL *easy)
{
	bool loopback = is_loopback(set->mail), verify = !loopback || set->mail_ca != NULL;

	(void)curl_easy_setopt(easy, CURLOPT_USE_SSL, (long)(verify ? CURLUSESSL_ALL : CURLUSESSL_TRY));
	(void)curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	(void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
	(void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
	if (set->mail_ca != NULL)
		(void)curl_easy_setopt(easy, CURLOPT_CAINFO, set->mail_ca);
}

/* With a login the host usually wants to see that login's address as the sender. Without one the null sender keeps
 * automatic answers away (RFC 3834). */
static CURLcode set_envelope(struct mr_mailout *out, CURL *easy, const struct mail *mail)
{
	CURLcode code = curl_easy_setopt(easy, CURLOPT_MAIL_FROM, out->set->mail_user != NULL ? out->set->from : "");

	out->recipient = curl_slist_append(NULL, mail->to);
	if (code == CURLE_OK && out->recipient == NULL)
		code = CURLE_OUT_OF_MEMORY;
	if (code == CURLE_OK)
		code = curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, out->recipient);
	if (code == CURLE_OK && out->set->mail_user != NULL)
		code = curl_easy_setopt(easy, CURLOPT_USERNAME, out->set->mail_user);
	if (code == CURLE_OK && out->set->mail_password != NULL)
		code = curl_easy_setopt(easy, CURLOPT_PASSWORD, out->set->mail_password);
	return code;
}

/* libcurl takes the name for EHLO from the path of the URL. */
static CURLcode set_url(const struct mr_noticeset *set, CURL *easy)
{
	char host[256] = "", url[URL_MAX];

	(void)gethostname(host, sizeof(host) - 1);
	if (host[0] == '\0' ||
	    strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") != strlen(host))
		(void)snprintf(host, sizeof(host), "localhost");
	(void)snprintf(url, sizeof(url), "%s/%s", set->mail, host);
	return curl_easy_setopt(easy, CURLOPT_URL, url);
}

static CURLcode prepare(struct mr_mailout *out, CURL *easy, struct mail *mail)
{
	CURLcode code = set_url(out->set, easy);

	mail->done = 0;
	out->words[0] = '\0';
	if (code == CURLE_OK)
		code = set_envelope(out, easy, mail);
	set_tls(out->set, easy);
	(void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, out->words);
	(void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)out->set->mail_ms);
	/* No connection is kept for the next incident, which may be weeks away. */
	(void)curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_READFUNCTION, read_mail);
	(void)curl_easy_setopt(easy, CURLOPT_READDATA, mail);
	(void)curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)mail->n);
	/* The environment of the daemon has no say in it. */
	(void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
#if LIBCURL_VERSION_NUM >= 0x075500
	(void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
#else
	(void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_SMTP | CURLPROTO_SMTPS));
#endif
	return code;
}

static void end_transfer(struct mr_mailout *out)
{
	if (out->easy != NULL)
		curl_easy_cleanup(out->easy);
	curl_slist_free_all(out->recipient);
	out->easy = NULL;
	out->recipient = NULL;
}

/* A refusal of this mail or this address lasts. What has to do with the host or the login, or calls itself temporary,
 * may be over soon. */
static bool is_final(CURLcode code, long reply)
{
	bool asks_for_login = reply == 530 || reply == 534 || reply == 535 || reply == 538;

	return reply >= 500 && reply <= 599 && !asks_for_login &&
	       (code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_WEIRD_SERVER_REPLY ||
		code == CURLE_UPLOAD_FAILED);
}

static void put_off(struct mr_mailout *out, struct mail *mail, int64_t now_ms, const char *why)
{
	out->pause_ms = out->pause_ms == 0 ? PAUSE_FIRST_MS : out->pause_ms * 2;
	if (out->pause_ms > PAUSE_MAX_MS)
		out->pause_ms = PAUSE_MAX_MS;
	out->until_ms = now_ms + out->pause_ms;
	if (now_ms - mail->since_ms > give_up_ms) {
		out->calls.failed(out->calls.context, mail->to, why);
		free_mail(out, mail);
		return;
	}
	out->calls.later(out->calls.context, mail->to, why);
	append(out, mail); /* the others have their turn first */
}

static void finish(struct mr_mailout *out, CURLcode code, int64_t now_ms)
{
	struct mail *mail = out->sending;
	char why[MR_MAILOUT_WHY_MAX];
	long reply = 0;

	if (out->easy != NULL)
		(void)curl_easy_getinfo(out->easy, CURLINFO_RESPONSE_CODE, &reply);
	end_transfer(out);
	out->sending = NULL;
	(void)snprintf(why, sizeof(why), "%s: %s", out->set != NULL && out->set->mail != NULL ? out->set->mail : "mail",
		       out->words[0] != '\0' ? out->words : curl_easy_strerror(code));
	if (code == CURLE_OK || is_final(code, reply)) {
		out->pause_ms = 0;
		out->until_ms = 0;
		if (code != CURLE_OK)
			out->calls.failed(out->calls.context, mail->to, why);
		free_mail(out, mail);
		return;
	}
	put_off(out, mail, now_ms, why);
}

static void begin(struct mr_mailout *out, int64_t now_ms)
{
	struct mail *mail = out->first;
	CURLcode code = CURLE_OUT_OF_MEMORY;

	out->first = mail->next;
	if (out->first == NULL)
		out->last = NULL;
	out->sending = mail;
	out->words[0] = '\0';
	out->easy = curl_easy_init();
	if (out->easy != NULL)
		code = prepare(out, out->easy, mail);
	if (code == CURLE_OK && curl_multi_add_handle(out->multi, out->easy) != CURLM_OK)
		code = CURLE_OUT_OF_MEMORY;
	if (code != CURLE_OK)
		finish(out, code, now_ms);
}

void mr_mailout_serve(struct mr_mailout *out, int64_t now_ms)
{
	struct CURLMsg *message;
	int running, left;

	if (out->easy == NULL && can_send(out) && now_ms >= out->until_ms)
		begin(out, now_ms);
	if (out->easy == NULL)
		return;
	(void)curl_multi_perform(out->multi, &running);
	while ((message = curl_multi_info_read(out->multi, &left)) != NULL) {
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE || message->easy_handle != out->easy)
			continue;
		(void)curl_multi_remove_handle(out->multi, out->easy);
		finish(out, code, now_ms);
		return;
	}
}

size_t mr_mailout_follow(struct mr_mailout *out, const struct mr_noticeset *set, int64_t now_ms)
{
	size_t dropped = 0;

	/* The mail in progress rests on the settings before. */
	if (out->easy != NULL) {
		struct mail *mail = out->sending;

		(void)curl_multi_remove_handle(out->multi, out->easy);
		end_transfer(out);
		out->sending = NULL;
		mail->next = out->first;
		out->first = mail;
		if (out->last == NULL)
			out->last = mail;
	}
	out->set = set;
	out->pause_ms = 0;
	out->until_ms = now_ms;
	while (set->mail == NULL && out->first != NULL) {
		struct mail *mail = out->first;

		out->first = mail->next;
		free_mail(out, mail);
		dropped++;
	}
	if (out->first == NULL)
		out->last = NULL;
	return dropped;
}

void mr_mailout_wait(struct mr_mailout *out, const struct pollfd *polls, size_t count, int timeout_ms)
{
	struct pollfd copy[POLLS_MAX];
	struct curl_waitfd extra[POLLS_MAX];

	count = count < POLLS_MAX ? count : POLLS_MAX;
	for (size_t i = 0; i < count; i++) {
		copy[i] = polls[i];
		extra[i] = (struct curl_waitfd){ .fd = polls[i].fd };
		extra[i].events = (polls[i].events & POLLOUT) != 0 ? CURL_WAIT_POLLOUT : CURL_WAIT_POLLIN;
	}
	if (out->easy == NULL)
		(void)poll(copy, count, timeout_ms);
	else
		(void)curl_multi_poll(out->multi, extra, (unsigned)count, timeout_ms, NULL);
}
