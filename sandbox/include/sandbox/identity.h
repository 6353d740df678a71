/* SPDX-License-Identifier: Apache-2.0 */
/* How the node comes by its identity: the operator's files of the folder caisson/, else what the store keeps. CPU 0, the start task. */
#ifndef SANDBOX_IDENTITY_H
#define SANDBOX_IDENTITY_H
#include <core/err.h>
#include <net/tls.h>
#include <sandbox/config.h>

/* Opens node.identity. ca.pem and ca.key, server.pem and server.key are used pair by pair; what is wrong with them becomes a mistake of config,
 * and the node goes on with what it makes itself. Keys are wiped from the files' memory. node.name must be set. Errors: tls_identity_open's. */
err_t identity_start(const struct tls_store *store, struct config *config) MUST_CHECK;
/* Is a file of the folder caisson/ the node's own, and so no image? Without regard to case, as FAT has it. */
bool identity_is_own_file(const char *name);

#endif
