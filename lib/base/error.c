/* The words for error codes. They name the kind of failure only; the caller says to what and why. */
#include "base/error.h"

const char *
mr_err_text(int err)
{
	switch ((enum mr_err)err) {
	case MR_OK:
		return "success";
	case MR_ERR_NOMEM:
		return "out of memory";
	case MR_ERR_SYNTAX:
		return "not of the right form";
	case MR_ERR_RANGE:
		return "outside the allowed range";
	case MR_ERR_NOTFOUND:
		return "not found";
	case MR_ERR_FULL:
		return "no room left";
	case MR_ERR_IO:
		return "refused by the operating system";
	case MR_ERR_REFUSED:
		return "refused by a check";
	case MR_ERR_STATE:
		return "called at the wrong moment";
	}
	return "unknown error";
}
