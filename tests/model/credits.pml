/*
 * Credits (docs/lanes.md, "Cells"; docs/protocol.md, "Bounded queues"): a queue bounded to MAXSIZE, and two producers. One
 * claims a credit by compare-and-swap, then publishes its PUT; without one it sends PUT_WAIT and waits. The hub gives
 * credits when it likes, counting what it gave; when somebody waits for room it takes unused ones back by exchanging the
 * word with 0. Those claimed and not published stay in use until the PUT comes, or for a validity: after that the producer
 * is late. A producer may be stopped for ever, and die, at any step. Consumers take whatever is in the queue, or (NOBODY_TAKES)
 * nothing.
 *
 * Shown: what is in the queue and what is covered by credits never exceeds MAXSIZE together; a PUT with a credit that is
 * not late is let in at once; nothing published is lost, and nobody waits for ever for room that a stopped producer holds
 * (else the hub stands in an invalid end state).
 *
 * No store buffer: the only word is moved by compare-and-swap and exchange alone, and a ring's record comes behind it.
 *
 * verify:
 * verify: -DMAXSIZE=1
 * verify: -DNOBODY_TAKES
 * mutant: -DCLAIMS_BY_STORE => assertion violated ((given
 * mutant: -DTAKES_BACK_BY_STORE => assertion violated ((given
 * mutant: -DGIVES_BY_STORE => assertion violated ((given
 * mutant: -DTRUSTS_EVERY_PUT => assertion violated ((size
 * mutant: -DBELIEVES_THE_WORD => assertion violated (unused
 * mutant: -DNO_VALIDITY -DNOBODY_TAKES => invalid end state
 * mutant: -DNOTHING_TAKEN_BACK -DNOBODY_TAKES => invalid end state
 */

#ifndef MAXSIZE
#define MAXSIZE 2
#endif
#define ITEMS 3 /* of each producer */
#define PRODUCERS 2
#define PUT 1
#define PUT_WAIT 2

byte credits[PRODUCERS]; /* the word in shared memory */
chan up0 = [ITEMS] of { byte };
chan up1 = [ITEMS] of { byte };
chan answer[PRODUCERS] = [1] of { bit };

byte size;              /* items in the queue */
byte given[PRODUCERS];  /* the hub's own count of credits that cover a put to come */
byte parked;            /* PUTs without a credit, which the hub owns */
bool waits[PRODUCERS];  /* a PUT_WAIT does */
bool in_use[PRODUCERS]; /* taken back, but for those claimed: their validity runs */
byte published, came_in, took;
byte running = PRODUCERS; /* producers that still put */
bool late[PRODUCERS];   /* a credit of this producer has expired in its hands */

#define COVERED (given[0] + given[1])
#define BOUND assert((size + COVERED) <= MAXSIZE)
#define ROOM (size + COVERED < MAXSIZE)

proctype producer(byte s; chan up)
{
	byte i, c;
	do
	:: i == ITEMS -> break
	:: i < ITEMS ->
		c = credits[s];
		if
		:: c > 0 ->
#ifdef CLAIMS_BY_STORE
			credits[s] = c - 1;
			i++;
			atomic { up ! PUT -> published++ }
#else
			if
			:: atomic { credits[s] == c -> credits[s] = c - 1; i++ };
				if
				:: atomic { up ! PUT -> published++ }
				:: break /* stopped for ever, or dead: between the two */
				fi
			:: atomic { credits[s] != c -> skip } /* somebody was faster */
			fi
#endif
		:: c == 0 ->
			atomic { up ! PUT_WAIT -> published++; i++ };
end_waits:
			answer[s] ? _
		fi;
		c = 0
	:: break /* stopped for ever: with credits unused */
	od;
	running--
}

inline let_in()
{
	atomic { size++; came_in++; BOUND }
}

/* As many as there is room for, or fewer. */
inline give(s)
{
	atomic {
		u = 0;
		do
		:: ROOM -> u++; given[s]++
		:: true -> break
		od
	};
	in_use[s] = false;
#ifdef GIVES_BY_STORE
	v = credits[s];
	credits[s] = v + u;
	v = 0;
#else
	credits[s] = credits[s] + u;
#endif
	atomic { BOUND; u = 0 }
}

inline take_back(s)
{
#ifdef TAKES_BACK_BY_STORE
	u = credits[s];
	credits[s] = 0;
#else
	atomic { u = credits[s]; credits[s] = 0 }
#endif
	atomic {
#ifdef BELIEVES_THE_WORD
		unused = u;
		assert(unused <= given[s]);
#else
		unused = (u > given[s] -> given[s] : u);
#endif
		given[s] = given[s] - unused;
		in_use[s] = (given[s] > 0);
		unused = 0;
		u = 0
	}
}

inline put(s)
{
	if
#ifdef TRUSTS_EVERY_PUT
	:: true ->
		given[s] = (given[s] > 0 -> given[s] - 1 : 0);
		let_in()
#else
	:: given[s] > 0 -> given[s]--; let_in()
	:: given[s] == 0 ->
		assert(given[s] > 0 || late[s]);
		if
		:: ROOM && parked == 0 -> let_in()
		:: else -> parked++
		fi
#endif
	fi
}

/* A PUT_WAIT is let in, and answered, when there is room. */
inline let_waiting_in(s)
{
	waits[s] = false;
	let_in();
	answer[s] ! 0
}

#define SOMEBODY_WAITS (waits[0] || waits[1] || parked > 0)

proctype hub()
{
	byte u, v, unused;
	do
	:: up0 ? PUT -> put(0)
	:: up1 ? PUT -> put(1)
	:: up0 ? PUT_WAIT -> waits[0] = true
	:: up1 ? PUT_WAIT -> waits[1] = true
	:: parked > 0 && ROOM -> parked--; let_in()
	:: waits[0] && ROOM && parked == 0 -> let_waiting_in(0)
	:: waits[1] && ROOM && parked == 0 -> let_waiting_in(1)
	:: ROOM && !SOMEBODY_WAITS -> give(0) /* to one that puts steadily */
	:: ROOM && !SOMEBODY_WAITS -> give(1)
#ifndef NOTHING_TAKEN_BACK
	:: SOMEBODY_WAITS && !ROOM && given[0] > 0 && !in_use[0] -> take_back(0)
	:: SOMEBODY_WAITS && !ROOM && given[1] > 0 && !in_use[1] -> take_back(1)
#endif
#ifndef NO_VALIDITY
	:: atomic { in_use[0] -> in_use[0] = false; given[0] = 0; late[0] = true }
	:: atomic { in_use[1] -> in_use[1] = false; given[1] = 0; late[1] = true }
#endif
#ifndef NOBODY_TAKES
	:: atomic { size > 0 -> size--; took++ }
#else
	:: size == MAXSIZE && SOMEBODY_WAITS -> break /* full indeed */
#endif
	:: running == 0 && empty(up0) && empty(up1) && !SOMEBODY_WAITS -> assert(came_in == published); break
	od
}

init {
	atomic {
		run producer(0, up0);
		run producer(1, up1);
		run hub()
	}
}
