/*
 * The parts of "mailreeve ingest": where bytes come from, how they are cut into lines, and where facts go. One thread.
 */
#ifndef MR_MILTER_CTL_INGEST_H
#define MR_MILTER_CTL_INGEST_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Whether a signal asked for the end. Signals come only while something waits: mr_ingest_wait(). */
bool mr_ingest_is_stopped(void);
/* Waits until fd (-1: none) can be read, a signal comes or ms have passed (-1: no end). True: fd can be read. */
bool mr_ingest_wait(int fd, int ms);
int64_t mr_ingest_now_ms(void);

/* ---- Cutting ---- */

enum mr_ingest_format { MR_INGEST_AUTO, MR_INGEST_SYSLOG, MR_INGEST_JOURNAL };

/* A longer line, and a longer message of the journal, is cut, and none of it is used. */
enum { MR_INGEST_LINE_MAX = 8192 };

/* One line of a log. time_ms: when the journal says that it was written, 0: it does not say. False: stop. */
typedef bool mr_ingest_take(void *context, const char *line, size_t n, int64_t time_ms);

/* What the fields of an entry of the journal are to us. */
enum mr_ingest_field { MR_INGEST_MESSAGE, MR_INGEST_IDENTIFIER, MR_INGEST_COMMAND, MR_INGEST_TIME, MR_INGEST_OTHER };

struct mr_ingest_text {
	char p[MR_INGEST_LINE_MAX];
	size_t n;
	bool too_long, told;
};

/* Begin with .format set and all else 0. */
struct mr_ingest_cutter {
	enum mr_ingest_format format;
	mr_ingest_take *take;
	void *context;
	uint64_t lines;     /* whole lines or entries seen */
	uint64_t too_long;  /* of them, not used */
	uint64_t held;      /* bytes taken since the last whole line or entry */
	struct mr_ingest_text line;
	/* An entry of the journal (systemd's "Journal Export Format"): */
	struct mr_ingest_text fields[MR_INGEST_OTHER];
	enum mr_ingest_field field; /* whose value is being read */
	enum { MR_INGEST_NAME, MR_INGEST_VALUE, MR_INGEST_LENGTH, MR_INGEST_BYTES, MR_INGEST_BYTES_END } expects;
	unsigned length_bytes;
	uint64_t left; /* bytes of a binary value that are still to come */
};

/* False: take said stop. */
bool mr_ingest_cut(struct mr_ingest_cutter *cutter, const char *bytes, size_t n);
/* There is no more of this input: the last line may lack its newline. */
bool mr_ingest_cut_end(struct mr_ingest_cutter *cutter);
/* What is held of an unfinished line is of no use: its file was emptied. */
void mr_ingest_cut_forget(struct mr_ingest_cutter *cutter);

/* ---- Bytes ---- */

enum mr_ingest_got {
	MR_INGEST_BYTES_READ,
	MR_INGEST_NOTHING_NOW, /* wait */
	MR_INGEST_END,
	MR_INGEST_NEXT_FILE,   /* what was read before ended; the next read begins another file */
	MR_INGEST_EMPTIED,     /* the file was emptied and is read from its beginning */
	MR_INGEST_BROKEN       /* said */
};

struct mr_ingest_source;

/* path: "-" is standard input. state: a file that keeps the place, or NULL. 0 or -1, said. */
int mr_ingest_source_open(const char *path, bool follow, const char *state, struct mr_ingest_source **source_r);
enum mr_ingest_got mr_ingest_source_read(struct mr_ingest_source *source, char *bytes, size_t size, size_t *n_r);
/* Waits for more to read, or for a signal. */
void mr_ingest_source_wait(struct mr_ingest_source *source);
/* The clock for lines that lack their year: now, or when a file was last written. */
int64_t mr_ingest_source_clock(const struct mr_ingest_source *source);
/* Whether more may come: false for a file that is only read to its end. */
bool mr_ingest_source_is_endless(const struct mr_ingest_source *source);
/* All but the last held bytes that were read need not be read again: notes that in the state, at most once a second
 * unless now is set. */
void mr_ingest_source_keep(struct mr_ingest_source *source, uint64_t held, bool now);
void mr_ingest_source_close(struct mr_ingest_source **source);

/* ---- Facts ---- */

struct mr_ingest_sink;

/* socket: of the daemon; NULL: facts are written on standard output. NULL: no memory. */
struct mr_ingest_sink *mr_ingest_sink_new(const char *socket);
/* Adds a fact; sends first when there is no more room, and then waits for the daemon. False: it could not. */
bool mr_ingest_sink_add(struct mr_ingest_sink *sink, const char *fact, bool wait);
/* Sends all. wait: until the daemon takes them or a signal comes; otherwise it tries for some seconds. False: facts are
 * left, and it was said. */
bool mr_ingest_sink_flush(struct mr_ingest_sink *sink, bool wait);
/* Facts that the daemon has not taken. */
size_t mr_ingest_sink_left(const struct mr_ingest_sink *sink);
/* Facts that the daemon refused. */
uint64_t mr_ingest_sink_refused(const struct mr_ingest_sink *sink);
void mr_ingest_sink_free(struct mr_ingest_sink **sink);

#endif
