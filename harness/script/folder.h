/* SPDX-License-Identifier: MIT */
/* Folders of Lua files. script_folder is in script.h. */
#ifndef WRINGER_SCRIPT_FOLDER_H
#define WRINGER_SCRIPT_FOLDER_H

#include <stddef.h>
#include <stdbool.h>
#include "base/error.h"

/* The paths of all *.lua directly in a folder, sorted; hidden files left out. Free with folder_free. 0 or
 * negative errno. */
int folder_list(const char *folder, char ***ret_paths, size_t *ret_count, struct error *error);
void folder_free(char **paths, size_t count);

/* "rst-idle" of "/x/rst-idle.lua"; cut to size. Returns out. */
char *folder_stem(const char *path, char *out, size_t size);
/* The folder a path is in, "." for a bare name. Returns out. */
char *folder_of(const char *path, char *out, size_t size);

#endif
