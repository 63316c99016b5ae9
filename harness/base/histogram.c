/* SPDX-License-Identifier: MIT */
#include "base/histogram.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MAGIC "wringer-histogram"

_Static_assert(1 << HISTOGRAM_BITS == HISTOGRAM_STEPS, "the steps are a power of two");

/* Below HISTOGRAM_STEPS each value has its own bucket; from there on the leading HISTOGRAM_BITS + 1 bits
 * say which. */
static size_t bucket_of(uint64_t ns)
{
	if (ns < HISTOGRAM_STEPS)
		return (size_t)ns;
	int top = 63 - __builtin_clzll(ns);
	if (top >= HISTOGRAM_HIGHEST)
		return HISTOGRAM_BUCKETS - 1;
	int shift = top - HISTOGRAM_BITS;
	return (size_t)(shift + 1) * HISTOGRAM_STEPS + (size_t)(ns >> shift) - HISTOGRAM_STEPS;
}

/* The greatest value of a bucket. */
static uint64_t bucket_most(size_t bucket)
{
	if (bucket < HISTOGRAM_STEPS)
		return bucket;
	size_t shift = bucket / HISTOGRAM_STEPS - 1;
	return ((uint64_t)(bucket % HISTOGRAM_STEPS + HISTOGRAM_STEPS + 1) << shift) - 1;
}

static uint64_t capped_sum(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

void histogram_add(struct histogram *histogram, uint64_t ns)
{
	if (!histogram->count || ns < histogram->min)
		histogram->min = ns;
	if (ns > histogram->max)
		histogram->max = ns;
	histogram->count++;
	histogram->total = capped_sum(histogram->total, ns);
	histogram->buckets[bucket_of(ns)]++;
}

/* n values of one bucket, evenly spread. */
static void add_bucket(struct histogram *histogram, uint64_t first, uint64_t last, uint64_t n)
{
	double sum = ((double)first + (double)last) / 2 * (double)n;

	if (!histogram->count || first < histogram->min)
		histogram->min = first;
	if (last > histogram->max)
		histogram->max = last;
	histogram->count += n;
	histogram->total = sum < 0x1p64 ? capped_sum(histogram->total, (uint64_t)sum) : UINT64_MAX;
	histogram->buckets[bucket_of(first)] += n;
}

void histogram_add_even(struct histogram *histogram, uint64_t least, double step, uint64_t count)
{
	for (uint64_t at = 0, next; at < count; at = next) {
		uint64_t first = least + (uint64_t)((double)at * step);
		size_t bucket = bucket_of(first);
		double within = ceil((double)(bucket_most(bucket) - least + 1) / step);

		/* the last bucket has no end */
		next = bucket < HISTOGRAM_BUCKETS - 1 && within < (double)count ? (uint64_t)within : count;
		if (next <= at)
			next = at + 1;
		add_bucket(histogram, first, least + (uint64_t)((double)(next - 1) * step), next - at);
	}
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	if (!from->count)
		return;
	if (!into->count || from->min < into->min)
		into->min = from->min;
	if (from->max > into->max)
		into->max = from->max;
	into->count += from->count;
	into->total = capped_sum(into->total, from->total);
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		into->buckets[i] += from->buckets[i];
}

uint64_t histogram_at(const struct histogram *histogram, uint32_t millionths)
{
	const uint64_t million = 1000000;
	/* in two parts, so that no count is too large for the product */
	uint64_t rank = histogram->count / million * millionths +
			(histogram->count % million * millionths + million - 1) / million;
	uint64_t passed = 0;

	if (!rank)
		rank = 1;
	/* the last bucket has no end of its own: what is there is told as the greatest */
	for (size_t i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
		passed += histogram->buckets[i];
		if (passed >= rank)
			return bucket_most(i) < histogram->max ? bucket_most(i) : histogram->max;
	}
	return histogram->max;
}

uint64_t histogram_mean(const struct histogram *histogram)
{
	return histogram->count ? histogram->total / histogram->count : 0;
}

int histogram_save(const struct histogram *histogram, struct buf *out)
{
	int r =
	    buf_printf(out, MAGIC " %d\nns %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
		       HISTOGRAM_VERSION, histogram->count, histogram->total, histogram->min, histogram->max);

	for (size_t i = 0; r == 0 && i < HISTOGRAM_BUCKETS; i++)
		if (histogram->buckets[i])
			r = buf_printf(out, "%zu %" PRIu64 "\n", i, histogram->buckets[i]);
	return r == 0 ? buf_puts(out, "end\n") : r;
}

/* A text that is eaten from the front. */
struct lines {
	const char *at, *end;
};

static bool take_word(struct lines *lines, const char *word)
{
	size_t size = strlen(word);

	if ((size_t)(lines->end - lines->at) < size || memcmp(lines->at, word, size) != 0)
		return false;
	lines->at += size;
	return true;
}

static bool take_number(struct lines *lines, char behind, uint64_t *ret_number)
{
	const char *at = lines->at;
	uint64_t number = 0;

	for (; at < lines->end && *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*at - '0'), &number))
			return false;
	if (at == lines->at || at == lines->end || *at != behind)
		return false;
	lines->at = at + 1;
	*ret_number = number;
	return true;
}

static bool take_buckets(struct lines *lines, struct histogram *histogram)
{
	uint64_t bucket, count, sum = 0, next = 0;

	while (!take_word(lines, "end\n")) {
		if (!take_number(lines, ' ', &bucket) || !take_number(lines, '\n', &count))
			return false;
		/* rising, and each once */
		if (bucket < next || bucket >= HISTOGRAM_BUCKETS || !count ||
		    __builtin_add_overflow(sum, count, &sum))
			return false;
		next = bucket + 1;
		histogram->buckets[bucket] = count;
	}
	return lines->at == lines->end && sum == histogram->count;
}

/* What the head says of the greatest and the smallest is what the buckets say. */
static bool sound(const struct histogram *histogram)
{
	if (!histogram->count)
		return !histogram->total && !histogram->min && !histogram->max;
	return histogram->min <= histogram->max && histogram->buckets[bucket_of(histogram->min)] &&
	       histogram->buckets[bucket_of(histogram->max)];
}

int histogram_read(const char *text, size_t size, struct histogram *ret_histogram, struct error *error)
{
	struct lines lines = {text, text + size};
	struct histogram histogram = {0};
	uint64_t version;

	if (!take_word(&lines, MAGIC " ") || !take_number(&lines, '\n', &version))
		return error_set(error, -EINVAL, "not a histogram that wringer saved");
	if (version != HISTOGRAM_VERSION)
		return error_set(error, -ENOTSUP,
				 "a histogram of version %" PRIu64 ", and this wringer reads version %d",
				 version, HISTOGRAM_VERSION);
	if (!take_word(&lines, "ns ") || !take_number(&lines, ' ', &histogram.count) ||
	    !take_number(&lines, ' ', &histogram.total) || !take_number(&lines, ' ', &histogram.min) ||
	    !take_number(&lines, '\n', &histogram.max) || !take_buckets(&lines, &histogram) ||
	    !sound(&histogram))
		return error_set(error, -EINVAL, "a damaged histogram");
	*ret_histogram = histogram;
	return 0;
}
