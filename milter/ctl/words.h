/* Evidence and standing in words, for people who have to decide what to do. */
#ifndef MR_MILTER_CTL_WORDS_H
#define MR_MILTER_CTL_WORDS_H

#include <jansson.h>

/* A list of what speaks against the owner and what for her, the sum against threshold, and what would have had to be
 * different. evidence: {"novelty": 5.9, ..., "total": 15.1}. threshold <= 0: none. */
void mr_words_evidence(const json_t *evidence, double threshold);
/* One sentence: how the account stands, since when, and by whom. row: as the daemon gives an account. orders: newest
 * first, may be NULL. */
void mr_words_standing(const json_t *row, const json_t *orders);
/* What an operator does next with such an account. */
void mr_words_next(const json_t *row);
/* What was ordered, the newest first; nothing when there is nothing. */
void mr_words_orders(const json_t *orders);
/* What screening has counted, a line for each limit that counted anything, those that were passed first. heading: NULL
 * for none. */
void mr_words_counters(const json_t *counters, const char *heading);
/* How a source stands, since when, until when, why and by whom. answer: of the command "source". */
void mr_words_source(const json_t *answer);
/* What an operator does with it next. */
void mr_words_source_next(const json_t *answer);
/* What there was too many of, of a reason of screening: "different logins that failed"; of any other its sentence; "" when
 * there is none. */
const char *mr_words_too_many(const char *reason);
/* What an operator does next about an event line of screening or location; nothing for others. */
void mr_words_screening_next(const json_t *line);
/* The sentence of a reason's id; NULL: there is none. */
const char *mr_words_reason(const char *id);

#endif
