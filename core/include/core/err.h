/* SPDX-License-Identifier: Apache-2.0 */
/* Error codes of the whole firmware. 0 is success; every function that can fail
 * returns err_t, is MUST_CHECK, and leaves its out-parameters untouched on error. */
#ifndef CORE_ERR_H
#define CORE_ERR_H

typedef int err_t;
#define MUST_CHECK __attribute__((warn_unused_result))

enum {
	OK = 0,
	E_INVAL = -1,       /* the caller's argument is wrong */
	E_NOMEM = -2,       /* a quota or the machine's memory is exhausted */
	E_NOENT = -3,       /* no such object */
	E_EXIST = -4,       /* the object is there already */
	E_BUSY = -5,        /* in use */
	E_IO = -6,          /* a device failed */
	E_TIMEOUT = -7,     /* the deadline passed */
	E_GUEST = -8,       /* a guest broke a protocol; its own trouble */
	E_UNSUPPORTED = -9, /* the machine or this build cannot do it */
	E_RANGE = -10,      /* outside of the object, or arithmetic overflowed */
	E_AGAIN = -11,      /* would block; try after the next event */
	E_CLOSED = -12,     /* the peer or the object is gone */
	E_PERM = -13,       /* not allowed */
	E_LIMIT = -14,      /* a configured limit is reached */
	E_CORRUPT = -15,    /* malformed bytes from outside */
	E_STATE = -16,      /* the object's state does not allow it */
};

/* err_name returns the constant's name ("E_NOMEM"), never NULL. */
const char *err_name(err_t e);

#endif
