/* SPDX-License-Identifier: MIT */
#include "cli/running.h"

#include <stdio.h>
#include <string.h>

#define WORDS (sizeof((struct running *)0)->argv / sizeof(char *) - 1)

void running_read(pid_t pid, struct running *ret_running)
{
	char path[40];
	size_t size = 0, count = 0;
	FILE *file;

	(void)snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
	file = fopen(path, "re");
	if (file) {
		size = fread(ret_running->text, 1, sizeof ret_running->text - 1, file);
		(void)fclose(file);
	}
	if (size == 0)
		size = (size_t)snprintf(ret_running->text, sizeof ret_running->text, "process-%d", pid);
	ret_running->text[size] = '\0';
	for (char *word = ret_running->text; word < ret_running->text + size && count < WORDS;
	     word += strlen(word) + 1)
		ret_running->argv[count++] = word;
	ret_running->argv[count] = NULL;
}
