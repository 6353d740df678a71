/* SPDX-License-Identifier: Apache-2.0 */
/* Names of error codes for logs and test output.
 * Pure: any CPU, any context, no state. Must not know who raised the error. */
#include <core/err.h>

const char *err_name(err_t e)
{
	switch (e) {
	case OK: return "OK";
	case E_INVAL: return "E_INVAL";
	case E_NOMEM: return "E_NOMEM";
	case E_NOENT: return "E_NOENT";
	case E_EXIST: return "E_EXIST";
	case E_BUSY: return "E_BUSY";
	case E_IO: return "E_IO";
	case E_TIMEOUT: return "E_TIMEOUT";
	case E_GUEST: return "E_GUEST";
	case E_UNSUPPORTED: return "E_UNSUPPORTED";
	case E_RANGE: return "E_RANGE";
	case E_AGAIN: return "E_AGAIN";
	case E_CLOSED: return "E_CLOSED";
	case E_PERM: return "E_PERM";
	case E_LIMIT: return "E_LIMIT";
	case E_CORRUPT: return "E_CORRUPT";
	case E_STATE: return "E_STATE";
	default: return "E_UNKNOWN";
	}
}
