/* Error codes of the whole library. Thread-safe: constants only. */
#ifndef MR_BASE_ERROR_H
#define MR_BASE_ERROR_H

/* 0 is success everywhere; every function lists the codes that it can return. */
enum mr_err {
	MR_OK = 0,
	MR_ERR_NOMEM = -1,    /* an allocation failed */
	MR_ERR_SYNTAX = -2,   /* the text is not of the form that it should have */
	MR_ERR_RANGE = -3,    /* a number or length is outside what is allowed */
	MR_ERR_NOTFOUND = -4, /* nothing of that name */
	MR_ERR_FULL = -5,     /* a bounded place has no room left */
	MR_ERR_IO = -6,       /* the operating system said no: see errno */
	MR_ERR_REFUSED = -7,  /* a check of ours said no */
	MR_ERR_STATE = -8     /* called at a moment when it makes no sense */
};

/* A few English words for err, never NULL. */
const char *mr_err_text(int err);

#endif
