/*
 * Sleeping and waking (docs/lanes.md, "Waiting and waking"): the hub, SESSIONS clients that put ITEMS items each, each
 * through a ring of PLACES places. The hub sleeps when there is nothing in any ring, a client when there is no room in its
 * own: the same protocol both ways, over a word `armed` and an eventfd for each direction of each session.
 *
 * Shown: no state in which somebody sleeps for ever while there is something for it (the hub would never end, which is an
 * invalid end state), and that every item is read at last, however the processors are scheduled (fairly).
 *
 * verify:
 * verify: -DSESSIONS=1 -DITEMS=4 -DPLACES=2
 * verify: ltl all_read -DSESSIONS=1
 * mutant: -DNO_FENCE_ASLEEP => invalid end state
 * mutant: -DNO_FENCE_PUBLISHED => invalid end state
 * mutant: ltl all_read -DSESSIONS=1 -DNO_FENCE_PUBLISHED => acceptance cycle
 * mutant: -DNO_SECOND_LOOK => invalid end state
 * mutant: -DLEAVES_UNSEEN => invalid end state
 * mutant: -DWRITES_FIRST => invalid end state
 * mutant: -DEMPTIES_LATE => invalid end state
 * mutant: -DROOM_UNTOLD => invalid end state
 */

#ifndef SESSIONS
#define SESSIONS 2
#endif
#ifndef ITEMS
#define ITEMS 2
#endif
#ifndef PLACES
#define PLACES 1
#endif

/* Processors, and words in the shared memory of each session. */
#define HUB 0
#define CLIENT(s) (1 + (s))
#define CPUS (1 + SESSIONS)
#define HEAD(s) (s)
#define TAIL(s) (SESSIONS + (s))
#define HUB_ARMED(s) (2 * SESSIONS + (s))
#define CLIENT_ARMED(s) (3 * SESSIONS + (s))
#define WORDS (4 * SESSIONS)
#define BUFFER 2
#include "store_buffer.promela"

bool hub_fd[SESSIONS];    /* the hub's epoll has this one's eventfd ready: edge-triggered, gone once it was told */
bool client_fd[SESSIONS]; /* the client's eventfd can be read */
byte all_taken;           /* by the hub, of all sessions */

#ifdef NO_FENCE_ASLEEP
#define FENCE_ASLEEP(cpu) skip
#else
#define FENCE_ASLEEP(cpu) FENCE(cpu)
#endif
#ifdef NO_FENCE_PUBLISHED
#define FENCE_PUBLISHED(cpu) skip
#else
#define FENCE_PUBLISHED(cpu) FENCE(cpu)
#endif

/* Who published: behind the store. */
inline wake(cpu, its_armed, its_fd)
{
	FENCE_PUBLISHED(cpu);
	if
	:: word[its_armed] ->
#ifdef WRITES_FIRST
		SYSTEM_CALL(cpu);
		its_fd = true;
		STORE(cpu, its_armed, 0)
#else
		STORE(cpu, its_armed, 0);
		SYSTEM_CALL(cpu);
		its_fd = true
#endif
	:: else
	fi
}

#define ROOM(s) (sent - word[TAIL(s)] < PLACES)

/* A client's only reason to sleep here is that the ring is full; waiting for an answer is the same. */
inline sleep_for_room(s)
{
	STORE(CLIENT(s), CLIENT_ARMED(s), 1);
	FENCE_ASLEEP(CLIENT(s));
	if
#ifndef NO_SECOND_LOOK
	:: ROOM(s)
	:: !ROOM(s) ->
#else
	:: true ->
#endif
#ifdef EMPTIES_LATE
		client_fd[s] = false; /* "what is in there is of an earlier time" */
#endif
		atomic { client_fd[s] -> client_fd[s] = false }
	fi;
	STORE(CLIENT(s), CLIENT_ARMED(s), 0)
}

proctype client(byte s)
{
	byte sent;
	do
	:: sent == ITEMS -> break
	:: sent < ITEMS && ROOM(s) ->
		sent++;
		STORE(CLIENT(s), HEAD(s), sent);
		wake(CLIENT(s), HUB_ARMED(s), hub_fd[s])
	:: sent < ITEMS && !ROOM(s) ->
		if
		:: skip /* spins: looks again */
		:: sleep_for_room(s)
		fi
	od
}

#define SOMETHING(s) (word[HEAD(s)] != tail[s])

inline take_one()
{
	tail[s]++;
	STORE(HUB, TAIL(s), tail[s]);
#ifndef ROOM_UNTOLD
	wake(HUB, CLIENT_ARMED(s), client_fd[s]);
#endif
	atomic { all_taken++; found = true }
}

/* A session that had nothing for some turns is armed and leaves the list: unless it has something now. */
inline leave()
{
	STORE(HUB, HUB_ARMED(s), 1);
	FENCE_ASLEEP(HUB);
	if
#ifndef LEAVES_UNSEEN
	:: SOMETHING(s) -> STORE(HUB, HUB_ARMED(s), 0)
	:: !SOMETHING(s) -> listed[s] = false
#else
	:: listed[s] = false
#endif
	fi
}

/* One turn of the hub: events that came meanwhile make sessions active, and all active ones are looked at. */
inline turn()
{
	atomic { s = 0; found = false }
	do
	:: s < SESSIONS ->
		if
		:: atomic { hub_fd[s] -> hub_fd[s] = false; listed[s] = true }
		:: !hub_fd[s]
		fi;
		if
		:: listed[s] && SOMETHING(s) -> take_one()
		:: listed[s] && !SOMETHING(s) ->
			if
			:: skip
			:: leave()
			fi
		:: !listed[s]
		fi;
		s++
	:: else -> break
	od
}

/* Before it sleeps, the hub arms all that are left, and looks once more: one fence for all. */
inline arm_all()
{
	s = 0;
	do
	:: s < SESSIONS ->
		if
		:: listed[s] -> STORE(HUB, HUB_ARMED(s), 1)
		:: else
		fi;
		s++
	:: else -> break
	od;
	FENCE_ASLEEP(HUB);
	s = 0;
	do
	:: s < SESSIONS ->
		if
#ifndef NO_SECOND_LOOK
		:: listed[s] && SOMETHING(s) ->
			STORE(HUB, HUB_ARMED(s), 0);
			found = true
		:: listed[s] && !SOMETHING(s) -> listed[s] = false
#else
		:: listed[s] -> listed[s] = false
#endif
		:: !listed[s]
		fi;
		s++
	:: else -> break
	od
}

#if SESSIONS == 1
#define ANY_EVENT (hub_fd[0])
#else
#define ANY_EVENT (hub_fd[0] || hub_fd[1])
#endif

proctype hub()
{
	byte tail[SESSIONS], s;
	bool listed[SESSIONS] = true; /* a new session is */
	bool found;
	do
	:: all_taken == SESSIONS * ITEMS -> break
	:: else ->
		turn();
		if
		:: found
		:: !found && all_taken < SESSIONS * ITEMS ->
			if
			:: skip /* spins: another turn */
			:: arm_all();
				if
				:: found
				:: !found -> ANY_EVENT
				fi
			fi
		fi
	od
}

init {
	byte i;
	atomic {
		for (i : 0 .. CPUS - 1) { run drain(i) }
		for (i : 0 .. SESSIONS - 1) { run client(i) }
		run hub()
	}
}

ltl all_read { <> (all_taken == SESSIONS * ITEMS) }
