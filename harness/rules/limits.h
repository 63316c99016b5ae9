/* SPDX-License-Identifier: MIT */
/* Every tolerance of every rule, in one table. Times are in ns before --time-scale; counts are not scaled. */
#ifndef WRINGER_RULES_LIMITS_H
#define WRINGER_RULES_LIMITS_H

#define LIMIT_SPIN_COUNT 200             /* the same report without progress, this often within LIMIT_SPIN_WINDOW */
#define LIMIT_SPIN_WINDOW 1000000000ULL
#define LIMIT_ACCEPT_SPIN_COUNT 50       /* failed accepts within LIMIT_SPIN_WINDOW */
#define LIMIT_RESUBMIT_COUNT 50          /* failed requests of a ring, each submitted again, within LIMIT_SPIN_WINDOW */
#define LIMIT_RING_WINDOW 100000000ULL   /* the end of a request in flight may be seen this much after it happened */
#define LIMIT_TURN_WINDOW 20000000ULL    /* what is done this soon after a report or a read may be an answer to it */
#define LIMIT_BUSY_WAITS 5000            /* waits a second with silent peers */
#define LIMIT_BUSY_ZERO_WAITS 1000       /* of these, in a row with a timeout of 0 and nothing ready */
#define LIMIT_BUSY_ROW 16                /* the first of a row are a loop with callbacks of its own due */
#define LIMIT_BUSY_STRETCH 200000000ULL  /* a rate over less than this says nothing */
#define LIMIT_BUSY_MOVES 200             /* bytes and closes a second beyond the base: then the CPU has work */
#define LIMIT_BUSY_CPU_SHARE 0.5         /* of a core, with silent peers */
#define LIMIT_LOST_WINDOW 1000000000ULL  /* asleep this long beside work that waits */
#define LIMIT_CERTAIN_WINDOW 300000000ULL /* the same when every thread sleeps without a time-out: no timer can come */
#define LIMIT_WRITE_WINDOW 3000000000ULL /* timer-driven retries get this long */
#define LIMIT_LEAK_WINDOW 2000000000ULL  /* an ended peer's fd still open after this */
#define LIMIT_GROWTH_ROUNDS 3            /* identical rounds before growth is judged */
#define LIMIT_GROWTH_SLOPE 0.5           /* fds a peer */
#define LIMIT_UNSERVED_WINDOW 2000000000ULL /* the canary's patience */
#define LIMIT_UNSERVED_BUSY 6000000000ULL /* the most that waiting for a CPU may add to it */
#define LIMIT_BLOCKED_WINDOW 1000000000ULL /* a canary waits this long while its loop sits in one call */
#define LIMIT_CROWD 8                    /* connections from which on a limit on their number is believable */
#define LIMIT_RECOVERY_FDS 4             /* fewer fds kept than this are warm caches */
#define LIMIT_LATENCY_FACTOR 20.0
#define LIMIT_WRONG_CLOSE_AGE 1000000000ULL /* no idle time-out is shorter than this */
#define LIMIT_HABIT 3                    /* so many times the same way is a habit of the target */
#define LIMIT_ZOMBIE_REPORTS 3           /* of a registration whose fd is closed; one may have been under way */
#define LIMIT_TOKENS 65536               /* requests whose tokens are remembered */
#define LIMIT_WRONG_ANSWERS 64           /* looked through for them; more say the same */
#define LIMIT_SHORTAGE_WINDOW 1000000000ULL /* this long after a lack of fds connections may be given up */
#define LIMIT_DEATH_WINDOW 1000000000ULL /* an exit this soon after one connection's error is put down to it */
#define LIMIT_REDUNDANT_COUNT 16 /* calls of epoll_ctl that bought nothing; also half as many as events */
#define LIMIT_HERD_COUNT 16      /* wake-ups for a listener with nobody to accept; also more than the others */
#define LIMIT_HERD_WAITERS 3     /* threads or processes that had them */
#define LIMIT_FLOOD_BYTES 1048576 /* to logs within a second */
#define LIMIT_FLOOD_VAIN 65536   /* the same in records that nothing explains */
#define LIMIT_FLOOD_RECORDS 200  /* of them at the least */
#define LIMIT_FLOOD_RATIO 10     /* records for one thing that happened */
#define LIMIT_PATIENCE_SLEEPS 3  /* times the target sleeps for ever beside half a request */
#define LIMIT_STOP_WINDOW 2500000000ULL /* alive so long after the signal */
#define LIMIT_STOP_SPIN 500000000ULL    /* or so long, in which its waits return so often: */
#define LIMIT_STOP_WAITS 1000
#define LIMIT_GREED_BYTES 2097152 /* for one connection while another one's request waits */
#define LIMIT_GREED_CALLS 128     /* in so many calls */
#define LIMIT_BACKLOG_LATE 900000000ULL /* a handshake this late was sent again: the kernel's time, not scaled */
#define LIMIT_BUFFER_WARNING 4194304    /* more resident memory while a peer does not read */
#define LIMIT_BUFFER_ERROR 67108864

#endif
