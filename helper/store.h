/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The intent on disk, one file an object, so that a change writes what it touches:
 *
 *   /var/lib/vpcctl/vpcs/NAME.json           a VPC with all that is in it
 *   /var/lib/vpcctl/peerings/A+B.json        ('+' is in no name, so two pairs never share a file)
 *   /var/lib/vpcctl/interfaces/NAME.json     what a host interface was like before us
 *   ....json~                                the generation before
 *   /run/vpcctl/journal                      the change under way: objects before and after (this boot only)
 *   /run/vpcctl/booted                       the kernel has been brought in line with the files since this boot
 */

#include "core/draft.h"
#include "errors.h"

typedef struct Store Store;

/* The two directories, made if absent. Negative errno. */
int store_open(const char *state_directory, const char *runtime_directory, Store **ret);
Store *store_free(Store *store);
DEFINE_CLEANUP(Store *, store_free)

/* Reads everything. A file that cannot be used is replaced in the model by its generation before, and reported; when that
 * is no good either, the object's name is in the warning, it stays on disk untouched, and the model is incomplete. The caller frees `warnings`,
 * one a line, NULL when there are none. */
int store_load(Store *store, Model **ret, char **ret_warnings);

/* Writes what differs between the draft's old and new objects, each by a temporary file, fsync, rename and fsync of the
 * directory. ERROR_STORAGE; then earlier objects of the draft may be written already, and saving the way back (reverse)
 * puts them right. */
int store_save(Store *store, const Draft *draft, bool reverse, uint64_t generation, Failure *failure);

/* Forgets every object that is stored, also those that could not be read. */
int store_clear(Store *store, Failure *failure);

/* Notes the change in the journal before its first step, and forgets it after its last. */
int store_journal_begin(Store *store, const Draft *draft, uint64_t generation, Failure *failure);
void store_journal_end(Store *store);

/* The change that a killed vpcd left, rebuilt on top of `model`, which is put back to where it began. 1 and a draft to
 * be applied and committed or undone; 0 when there is none. *ret_forward: it is to be finished, not undone: something is
 * deleted by it, or all of it is on disk. */
int store_journal_read(Store *store, Model *model, Draft *ret, bool *ret_forward, uint64_t *ret_generation);

/* Whether the kernel was brought in line since this boot. */
bool store_is_booted(Store *store);
int store_set_booted(Store *store);
