/*
 * Suspicion that a frozen account lends to others on the same source: one stolen password is seldom alone (BotGraph, Zhao
 * et al., NSDI 2009: accounts of one botnet share addresses). PURE.
 */
#ifndef MR_CORE_COMPANY_H
#define MR_CORE_COMPANY_H

#include "core/hijack.h"
#include "model/source.h"

/* An account was frozen on evidence; this was its last message. */
void mr_company_lend(struct mr_source *source, const struct mr_sending *sending);
/* Nats that the source lends to this message: 0 without a frozen account in the last day, or when neither the client nor
 * the size is like its. */
float mr_company_lent(const struct mr_source *source, const struct mr_sending *sending);
/* A thaw takes it back. */
void mr_company_forgive(struct mr_source *source);

#endif
