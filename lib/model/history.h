/*
 * What an account remembers of its logins, whatever protocol they came by. Plain data of fixed size, part of the account
 * record. Times are minutes of state time (state ms / 60000), never 0 once set. Only core/history.c reads or writes the
 * members; `weak_password` is for everybody.
 */
#ifndef MR_MODEL_HISTORY_H
#define MR_MODEL_HISTORY_H

#include <stdint.h>

enum { MR_HISTORY_PLACES = 4 };

/* MR_PLACE_GUESSED: the first success came after failures from there or from a sibling: not known until an operator
 * thaws or a release says so. MR_PLACE_LOGGED_IN: a login was told from there, not only mail. */
enum { MR_PLACE_GUESSED = 1, MR_PLACE_LOGGED_IN = 2 };

/* A network (/24, /48) that logged in with the right password, or sent with a login. */
struct mr_history_place {
	uint32_t network;      /* hash; 0: free */
	uint32_t last_minute;
	uint16_t age;          /* minutes from the first use to the last, saturating (45 days) */
	uint8_t days;          /* different days with a success, saturating */
	uint8_t marks;         /* MR_PLACE_* */
};

struct mr_history {
	struct mr_history_place place[MR_HISTORY_PLACES];
	uint32_t guessed_minute;   /* a success followed wrong passwords; 0: never */
	uint16_t guessed_failures; /* how many different ones, saturating */
	uint16_t country;          /* of the last success, first << 8 | second; 0: unknown */
	uint32_t last_minute;      /* of the last success with a known place on the map */
	int16_t latitude, longitude; /* of it, in tenths of a degree; MR_HISTORY_NOWHERE: unknown */
	uint32_t travel_minute;    /* the last journey that nobody can make; 0: never */
	uint8_t travel_eighths;    /* its evidence then, in 1/8 nat */
	uint8_t weak_password;     /* mailreeve passwords audit found it: 1 weak, 0 not known to be */
	uint16_t last_network;     /* of the success at last_minute: low bits of its hash */
};

#define MR_HISTORY_NOWHERE INT16_MIN

#endif
