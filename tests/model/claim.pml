/*
 * Delivery slots (docs/lanes.md, "Delivery rings"): the hub hands ITEMS items out to a consumer with a ring of SLOTS slots,
 * takes back what is not taken, newest first, RECALLS times, and ends its session: because it died (at any step), or was
 * dropped (and goes on, knowing nothing). What an ended session had not taken is handed out again as it was, what it had
 * taken with a raised attempt. Another consumer, who has a ring of its own, gets anything at any time, in one step: rings
 * share nothing. The consumer claims in order, but copies and frees in any order, up to THREADS at a time.
 *
 * Shown: a delivery is claimed once at most; attempt says exactly whether an item was claimed before; a consumer's copy
 * is the item it claimed, so the hub writes no byte of its slot meanwhile; and nothing is lost: the hub ends only when it
 * knows of every item that a session which lives has it (else it stands in an invalid end state).
 *
 * There is no store buffer in here: nobody stores one word and then loads another's. What has to be in order are stores
 * behind stores, and loads behind a compare-and-swap: C's release and acquire.
 *
 * verify:
 * verify: -DTHREADS=2
 * verify: -DSLOTS=3
 * verify: -DLIVES
 * mutant: -DNO_POSITION => assertion violated
 * mutant: -DREUSES_TAKEN => assertion violated
 * mutant: -DTAKES_BY_STORE => assertion violated
 * mutant: -DRECALLS_BY_STORE => assertion violated
 * mutant: -DENDS_BY_LOOKING => assertion violated
 * mutant: -DREADY_FIRST => assertion violated
 * mutant: -DFREE_FIRST => assertion violated
 * mutant: -DONLY_FREE_IS_TAKEN => assertion violated
 * mutant: -DLIVES -DSTOPS_AT_RECALLED => invalid end state
 * mutant: -DLIVES -DSTOPS_AT_LATER => invalid end state
 * mutant: -DLIVES -DHUB_STOPS_AT_RECALLED => invalid end state
 */

#ifndef SLOTS
#define SLOTS 2
#endif
#ifndef THREADS
#define THREADS 1
#endif
#define ITEMS 3
#define RECALLS 3

/* A state word. 0 is memory that nobody wrote yet. */
#define READY 1
#define TAKEN 2
#define FREE 3
#define RECALLED 4
#ifdef NO_POSITION
#define WORD(position, tag) (tag)
#define LATER(w, position) false
#else
#define WORD(position, tag) ((position) * 8 + (tag))
#define LATER(w, position) ((w) / 8 > (position))
#endif
#define TAG(w) ((w) % 8)
#define SLOT(position) ((position) % SLOTS)

/* Shared memory: a slot's word, and what it holds, in two parts that are written one after the other. */
byte state[SLOTS];
byte first[SLOTS];
byte second[SLOTS];

/* What the hub keeps of its own. A position is settled when it is known to be taken, or was recalled. */
bool queued[ITEMS + 1] = true;
bool had[ITEMS + 1];         /* the consumer has taken it */
byte attempt[ITEMS + 1] = 1; /* with which it is handed out */
byte item_in[SLOTS];         /* the item it put there */
bool is_void[SLOTS];         /* that delivery was recalled */
byte next = 1;               /* the next position */
byte known;                  /* all up to it are settled */
byte taken;                  /* items that sessions have which live */
byte recalls;
bool ended;                  /* the session */

/* What nobody but this model knows. */
byte claims[ITEMS + 1]; /* how often each item was claimed */
bool dead;              /* the consumer */

inline claim(i)
{
	claims[i]++;
	assert(claims[i] == attempt[i]) /* right, so that no item is claimed twice without being flagged */
}

inline swap(where, from, to, done)
{
	atomic {
		if
		:: state[where] == (from) -> state[where] = (to); done = true
		:: else -> done = false
		fi
	}
}

/* ---- the consumer ---- */

inline take()
{
	atomic {
#ifdef TAKES_BY_STORE
		state[SLOT(n)] = WORD(n, TAKEN);
		won = true;
#else
		swap(SLOT(n), WORD(n, READY), WORD(n, TAKEN), won);
#endif
		if
		:: won ->
			claim(item_in[SLOT(n)]);
			won = false;
			if
			:: at[0] == 0 -> at[0] = n; item[0] = item_in[SLOT(n)]
#if THREADS == 2
			:: at[0] != 0 && at[1] == 0 -> at[1] = n; item[1] = item_in[SLOT(n)]
#endif
			fi;
			n++
		:: else
		fi
	}
}

/* Thread t has claimed its item: copy, free. */
inline copy(t)
{
#ifdef FREE_FIRST
	state[SLOT(at[t])] = WORD(at[t], FREE);
#endif
	assert(first[SLOT(at[t])] == item[t]);
	assert(second[SLOT(at[t])] == item[t]);
	atomic {
#ifndef FREE_FIRST
		state[SLOT(at[t])] = WORD(at[t], FREE);
#endif
		at[t] = 0;
		item[t] = 0
	}
}

#if THREADS == 2
#define IDLE_THREAD (at[0] == 0 || at[1] == 0)
#else
#define IDLE_THREAD (at[0] == 0)
#endif

proctype consumer()
{
	byte n = 1;                      /* the next position */
	byte at[THREADS], item[THREADS]; /* what threads are copying */
	bool won;
	{
end:
		do
		:: IDLE_THREAD && state[SLOT(n)] == WORD(n, READY) -> take()
#ifndef STOPS_AT_RECALLED
		:: atomic { IDLE_THREAD && state[SLOT(n)] == WORD(n, RECALLED) -> n++ }
#endif
#ifndef STOPS_AT_LATER
		:: atomic { IDLE_THREAD && LATER(state[SLOT(n)], n) -> n++ }
#endif
		:: at[0] != 0 -> copy(0)
#if THREADS == 2
		:: at[1] != 0 -> copy(1)
#endif
		od
	} unless { dead }
}

/* ---- the hub ---- */

#ifdef REUSES_TAKEN
#define MAY_REUSE(w) (TAG(w) != READY)
#else
#define MAY_REUSE(w) ((w) == 0 || TAG(w) == FREE || TAG(w) == RECALLED)
#endif
/* What was in the next position's slot is settled, and not in use. */
#define ROOM (next - known <= SLOTS && MAY_REUSE(state[SLOT(next)]))
#define UNSETTLED (known + 1 < next)
#define QUEUED (queued[1] || queued[2] || queued[3])

/* Items go out in their order; what comes back stands where it stood. */
inline oldest()
{
	i = 1;
	do
	:: i < ITEMS && !queued[i] -> i++
	:: else -> break
	od;
	queued[i] = false
}

inline deliver()
{
	atomic {
		oldest();
		item_in[SLOT(next)] = i;
		is_void[SLOT(next)] = false
	}
#ifdef READY_FIRST
	state[SLOT(next)] = WORD(next, READY);
#endif
	first[SLOT(next)] = i;
	second[SLOT(next)] = i;
	atomic {
#ifndef READY_FIRST
		state[SLOT(next)] = WORD(next, READY);
#endif
		next++;
		i = 0
	}
}

inline deliver_elsewhere()
{
	atomic {
		oldest();
		claim(i);
		taken++;
		i = 0
	}
}

/* The newest that is not void goes back, if it is not taken; if it is, all older ones are, too. */
inline recall()
{
	p = next - 1;
	do
	:: p > known && is_void[SLOT(p)] -> p--
	:: else -> break
	od;
	ok = false;
	if
	:: p > known ->
#ifdef RECALLS_BY_STORE
		if
		:: state[SLOT(p)] == WORD(p, READY) -> ok = true; state[SLOT(p)] = WORD(p, RECALLED)
		:: else
		fi;
#else
		swap(SLOT(p), WORD(p, READY), WORD(p, RECALLED), ok);
#endif
		atomic {
			if
			:: ok -> queued[item_in[SLOT(p)]] = true; is_void[SLOT(p)] = true
			:: else
			fi
		}
	:: else
	fi;
	p = 0
}

#ifdef HUB_STOPS_AT_RECALLED
#define IS_VOID(p) false
#else
#define IS_VOID(p) is_void[SLOT(p)]
#endif
#ifdef ONLY_FREE_IS_TAKEN
#define IS_TAKEN(p) (TAG(state[SLOT(p)]) == FREE)
#else
#define IS_TAKEN(p) (TAG(state[SLOT(p)]) == TAKEN || TAG(state[SLOT(p)]) == FREE)
#endif

/* What is not taken goes back as it was, by the same compare-and-swap: a session that is dropped goes on taking. */
inline take_back_the_rest()
{
#ifdef ENDS_BY_LOOKING
	p = next - 1;
	do
	:: p > known ->
		if
		:: state[SLOT(p)] == WORD(p, READY) -> queued[item_in[SLOT(p)]] = true; is_void[SLOT(p)] = true
		:: else
		fi;
		p--
	:: else -> break
	od
#else
	do
	:: recall();
		if
		:: !ok -> break
		:: ok -> ok = false
		fi
	od
#endif
}

inline end_session()
{
	take_back_the_rest();
	atomic { /* behind it nothing of this session changes any more */
		for (i : 1 .. ITEMS) {
			if
			:: had[i] -> queued[i] = true; attempt[i]++; taken--
			:: else
			fi
		}
		p = known + 1;
		do
		:: p < next ->
			i = item_in[SLOT(p)];
			if
			:: !is_void[SLOT(p)] && IS_TAKEN(p) -> queued[i] = true; attempt[i]++
			:: !is_void[SLOT(p)] && !IS_TAKEN(p) -> queued[i] = true
			:: else
			fi;
			p++
		:: else -> break
		od;
		ended = true;
		i = 0;
		p = 0
	}
}

proctype hub()
{
	byte i, p;
	bool ok;
	do
	:: taken == ITEMS -> break
	:: QUEUED && !ended && ROOM -> deliver()
	:: QUEUED -> deliver_elsewhere()
	:: recalls < RECALLS && !ended && UNSETTLED -> recalls++; recall(); ok = false
	:: atomic { !ended && UNSETTLED && IS_VOID(known + 1) -> known++ }
	:: atomic {
			!ended && UNSETTLED && !is_void[SLOT(known + 1)] && IS_TAKEN(known + 1) ->
			known++;
			had[item_in[SLOT(known)]] = true;
			taken++
		}
#ifndef LIVES
	:: !ended -> end_session()
#endif
	od
}

/* The consumer dies at any step, or never. */
proctype death()
{
	if
#ifndef LIVES
	:: dead = true
#endif
	:: true
	fi
}

init {
	atomic {
		run consumer();
		run death();
		run hub()
	}
}
