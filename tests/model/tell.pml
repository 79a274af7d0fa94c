/*
 * Who waits for what (docs/lanes.md): the hub hands ITEMS items to a consumer, WINDOW at a time, and needs to know when it
 * has taken up to some position, since a put waits for room then. It sets tell_at, fence, looks, and sleeps; the consumer
 * takes, fence, reads tell_at, and says FLOW. FLOW and its wake-up are one step here: wake.pml has that.
 *
 * A take is a store here, weaker than it is on x86: where a compare-and-swap is not more than acquire and release (Arm), a
 * load behind it may come before it.
 *
 * Shown: the hub learns of every take without looking again by chance, at last (else it stands in an invalid end state);
 * also from one who dies at any step; and from one who is stopped for ever between its take and its FLOW, if the hub looks
 * again after a time while tell_at is set (STOPS). FLOW is said once for each tell_at at most.
 *
 * verify:
 * verify: -DSTOPS
 * verify: ltl all_known
 * mutant: -DNO_FENCE_HUB => invalid end state
 * mutant: -DNO_FENCE_CONSUMER => invalid end state
 * mutant: ltl all_known -DNO_FENCE_CONSUMER => acceptance cycle
 * mutant: -DLOOKS_FIRST => invalid end state
 * mutant: -DREADS_FIRST => invalid end state
 * mutant: -DTELLS_AT_FIRST_ONLY => invalid end state
 * mutant: -DDEATH_UNSEEN => invalid end state
 * mutant: -DSTOPS -DNO_TIME_LIMIT => invalid end state
 */

#define ITEMS 4
#define WINDOW 2

#define HUB 0
#define CONSUMER 1
#define CPUS 2
#define TAKES 0 /* the state words: up to where they say TAKEN */
#define TELL_AT 1
#define WORDS 2
#define BUFFER 2
#include "store_buffer.promela"

byte delivered; /* the consumer waits for it without a protocol: wake.pml */
byte known;     /* takes that the hub knows of */
byte claimed;   /* takes that are */
bool dead, stopped;
chan flow = [ITEMS] of { byte };

#ifdef NO_FENCE_HUB
#define FENCE_HUB skip
#else
#define FENCE_HUB FENCE(HUB)
#endif
#ifdef NO_FENCE_CONSUMER
#define FENCE_CONSUMER skip
#else
#define FENCE_CONSUMER FENCE(CONSUMER)
#endif

proctype consumer()
{
	byte tell_at, told;
	{
		do
		:: claimed == ITEMS -> break
		:: claimed < delivered ->
#ifdef READS_FIRST
			tell_at = word[TELL_AT];
#endif
			atomic { STORE(CONSUMER, TAKES, claimed + 1); claimed++ }
			FENCE_CONSUMER;
#ifndef READS_FIRST
			tell_at = word[TELL_AT];
#endif
			if
#ifdef TELLS_AT_FIRST_ONLY
			:: tell_at != 0 && claimed >= tell_at && told == 0 ->
#else
			:: tell_at > told && claimed >= tell_at ->
#endif
				told = tell_at;
				SYSTEM_CALL(CONSUMER);
				flow ! claimed
			:: else
			fi;
			tell_at = 0
		od
	} unless { dead || stopped }
}

inline look()
{
	known = word[TAKES]
}

proctype hub()
{
	byte tell_at;
	do
	:: known == ITEMS -> break
	:: known < ITEMS ->
		do
		:: delivered < ITEMS && delivered < known + WINDOW -> delivered++
		:: else -> break
		od;
		/* a put waits for room: the next take; a window is to be filled again: a later one */
#ifdef LOOKS_FIRST
		look();
#endif
		if
		:: tell_at = known + 1
		:: known + 1 < delivered -> tell_at = delivered
		fi;
		STORE(HUB, TELL_AT, tell_at);
		FENCE_HUB;
#ifndef LOOKS_FIRST
		look();
#endif
		if
		:: known >= tell_at
		:: known < tell_at ->
			if
			:: flow ? _ -> look()
#ifndef DEATH_UNSEEN
			:: dead && empty(buffer[CONSUMER]) -> look(); break
#endif
#ifdef STOPS
#ifndef NO_TIME_LIMIT
			:: timeout -> look(); if :: stopped -> break :: known >= tell_at fi
#endif
#endif
			fi
		fi;
		tell_at = 0
	od;
	assert(known == claimed)
}

/* The consumer dies, or is stopped for ever, at any step; or neither. */
proctype fate()
{
	if
	:: true
#ifdef STOPS
	:: stopped = true
#else
	:: dead = true
#endif
	fi
}

init {
	atomic {
		run drain(HUB);
		run drain(CONSUMER);
		run consumer();
		run fate();
		run hub()
	}
}

ltl all_known { <> (known == ITEMS || dead) }
