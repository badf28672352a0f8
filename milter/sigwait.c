/*
 * Takes signals out of libmilter's hands. libmilter has a thread in sigwait(3) that takes HUP, TERM and INT for "stop".
 * In the worker all signals are blocked and none is an order, so this function of the program stands in front of libc's
 * and never returns: "pkill -HUP mailreeved" reaches both processes, and must not end the one that serves mail.
 * The supervisor does not depend on it: without this file a worker that was stopped so is started again.
 */
#include <signal.h>
#include <unistd.h>

int sigwait(const sigset_t *restrict set, int *restrict signal_r)
{
	(void)set;
	(void)signal_r;
	for (;;)
		(void)pause();
}
