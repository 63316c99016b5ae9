/* SPDX-License-Identifier: MIT */
#include "watch/program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCRIPTS_DEEP 4 /* as the kernel follows them */
#define LINE_MOST    256

#if defined __x86_64__
#define OUR_MACHINE EM_X86_64
#else
#define OUR_MACHINE EM_AARCH64
#endif

/* A file in memory. */
struct image {
	const char *data;
	size_t size;
};

static bool find_in_path(const char *command, char *out, size_t size)
{
	const char *path = getenv("PATH"), *end;

	if (strchr(command, '/')) {
		snprintf(out, size, "%s", command);
		return true;
	}
	for (path = path ? path : "/bin:/usr/bin"; *path; path = *end ? end + 1 : end) {
		end = strchrnul(path, ':');
		snprintf(out, size, "%.*s/%s", (int)(end - path), path, command);
		if (access(out, X_OK) == 0)
			return true;
	}
	return false;
}

/* A piece of the image, NULL when it reaches beyond. */
static const void *piece(const struct image *image, uint64_t from, uint64_t size)
{
	return from <= image->size && size <= image->size - from ? image->data + from : NULL;
}

static const ElfW(Phdr) * find_part(const struct image *image, const ElfW(Ehdr) * head, uint32_t type)
{
	for (unsigned i = 0; i < head->e_phnum; i++) {
		const ElfW(Phdr) *part =
		    piece(image, head->e_phoff + (uint64_t)i * head->e_phentsize, sizeof *part);

		if (part && part->p_type == type)
			return part;
	}
	return NULL;
}

static uint64_t file_offset(const struct image *image, const ElfW(Ehdr) * head, uint64_t address)
{
	for (unsigned i = 0; i < head->e_phnum; i++) {
		const ElfW(Phdr) *part =
		    piece(image, head->e_phoff + (uint64_t)i * head->e_phentsize, sizeof *part);

		if (part && part->p_type == PT_LOAD && address >= part->p_vaddr &&
		    address - part->p_vaddr < part->p_filesz)
			return address - part->p_vaddr + part->p_offset;
	}
	return UINT64_MAX;
}

/* Whether it names a library whose name begins so. */
static bool needs(const struct image *image, const ElfW(Ehdr) * head, const char *name)
{
	const ElfW(Phdr) *part = find_part(image, head, PT_DYNAMIC);
	const ElfW(Dyn) *entries = part ? piece(image, part->p_offset, part->p_filesz) : NULL;
	size_t count = entries ? part->p_filesz / sizeof *entries : 0;
	uint64_t names = UINT64_MAX;

	for (size_t i = 0; i < count; i++)
		if (entries[i].d_tag == DT_STRTAB)
			names = file_offset(image, head, entries[i].d_un.d_ptr);
	for (size_t i = 0; names != UINT64_MAX && i < count; i++) {
		const char *found = entries[i].d_tag == DT_NEEDED
					? piece(image, names + entries[i].d_un.d_val, strlen(name))
					: NULL;

		if (found && memcmp(found, name, strlen(name)) == 0)
			return true;
	}
	return false;
}

/* A sanitizer's library refuses to run behind another. */
static bool comes_first(const struct image *image, const ElfW(Ehdr) * head)
{
	return needs(image, head, "libasan.") || needs(image, head, "libtsan.");
}

static int judge_elf(const struct image *image, const char *path, struct error *error)
{
	const ElfW(Ehdr) *head = piece(image, 0, sizeof *head);

	if (!head || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0)
		return 0;
	if (head->e_ident[EI_CLASS] != ELFCLASS64 || head->e_machine != OUR_MACHINE)
		return error_set(error, -EOPNOTSUPP,
				 "%s is of another architecture: it cannot be watched by preload", path);
	if (!find_part(image, head, PT_INTERP))
		return error_set(error, -EOPNOTSUPP,
				 "%s is linked statically: it cannot be watched by preload", path);
	if (comes_first(image, head))
		return error_set(error, -EOPNOTSUPP,
				 "%s has a sanitizer that must be loaded first: it cannot be watched by "
				 "preload",
				 path);
	return 0;
}

/* The interpreter of a script. */
static bool is_script(const struct image *image, char *ret_interpreter, size_t size)
{
	char line[LINE_MOST] = {0};
	size_t begin;

	if (image->size < 2 || memcmp(image->data, "#!", 2) != 0)
		return false;
	memcpy(line, image->data, image->size < sizeof line - 1 ? image->size : sizeof line - 1);
	line[strcspn(line, "\n")] = '\0';
	begin = 2 + strspn(line + 2, " \t");
	line[begin + strcspn(line + begin, " \t")] = '\0';
	snprintf(ret_interpreter, size, "%s", line + begin);
	return true;
}

static bool raises_rights(const struct stat *status)
{
	return ((status->st_mode & S_ISUID) && status->st_uid != getuid()) ||
	       ((status->st_mode & S_ISGID) && status->st_gid != getgid());
}

/* The file, mapped; false when there is nothing to be seen of it. */
static bool map_file(const char *path, struct stat *ret_status, struct image *ret_image)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool regular =
	    fd >= 0 && fstat(fd, ret_status) == 0 && S_ISREG(ret_status->st_mode) && ret_status->st_size > 0;
	void *data = MAP_FAILED;

	if (regular) {
		ret_image->size = (size_t)ret_status->st_size;
		data = mmap(NULL, ret_image->size, PROT_READ, MAP_PRIVATE, fd, 0);
		ret_image->data = data;
	}
	if (fd >= 0)
		close(fd);
	return data != MAP_FAILED;
}

/* 1: look at the interpreter now. */
static int judge_file(const char *path, char *ret_interpreter, size_t size, struct error *error)
{
	struct stat status;
	struct image image;
	int ret;

	if (!map_file(path, &status, &image))
		return 0;
	if (raises_rights(&status))
		ret = error_set(error, -EOPNOTSUPP,
				"%s runs with another's rights: it cannot be watched by preload", path);
	else if (is_script(&image, ret_interpreter, size))
		ret = 1;
	else
		ret = judge_elf(&image, path, error);
	munmap((void *)image.data, image.size);
	return ret;
}

bool program_comes_first(const char *path)
{
	const ElfW(Ehdr) * head;
	struct stat status;
	struct image image;
	bool first;

	if (!map_file(path, &status, &image))
		return false;
	head = piece(&image, 0, sizeof *head);
	first = head && memcmp(head->e_ident, ELFMAG, SELFMAG) == 0 &&
		head->e_ident[EI_CLASS] == ELFCLASS64 && comes_first(&image, head);
	munmap((void *)image.data, image.size);
	return first;
}

int program_preloads(const char *command, struct error *error)
{
	char path[PATH_MAX], next[PATH_MAX] = "";
	int ret = 1;

	if (!find_in_path(command, path, sizeof path))
		return 0;
	for (int i = 0; ret == 1 && i < SCRIPTS_DEEP; i++) {
		ret = judge_file(path, next, sizeof next, error);
		memcpy(path, next, sizeof path);
	}
	return ret < 0 ? ret : 0;
}
