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
/* The sentence of a reason's id; NULL: there is none. */
const char *mr_words_reason(const char *id);

#endif
