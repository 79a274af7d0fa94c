/*
 * From a delivery ring to the next (docs/lanes.md, "Delivery rings"): a handle begins with a ring of SMALL slots. The hub
 * announces one of BIG slots in the cell (ring_next, then next_from), with the first position that lies in it; the consumer
 * goes on in the old one until it gets there. Then the hub takes the old one's memory back, and gives it to another handle,
 * in the worst case one of which the consumer would believe every word. That memory is the ring after the next (GROWTHS 2),
 * so it has to be cleared. The hub recalls meanwhile, newest first, over the border, too.
 *
 * Shown: the consumer takes what it has not been recalled, in order and once; it looks at no memory that is another's; it
 * is never left behind in a ring where nothing comes any more (else the hub stands in an invalid end state).
 *
 * The consumer keeps the ring that it is in, and from where, to itself. It copies and frees up to two items in any order.
 *
 * verify:
 * verify: -DGROWTHS=2 -DRECALLS=1
 * mutant: -DMOVES_AT_ONCE => invalid end state
 * mutant: -DANNOUNCED_TOO_EARLY => invalid end state
 * mutant: -DLOOKS_ONCE_FOR_THE_NEXT => invalid end state
 * mutant: -DFROM_BEFORE_RING => assertion violated
 * mutant: -DNOT_CLEARED => assertion violated
 * mutant: -DTAKEN_BACK_WHEN_SETTLED => assertion violated
 * mutant: -DTAKEN_BACK_UNFREED => assertion violated
 * mutant: -DGROWTHS=2 -DRECALLS=1 -DKEEPS_NOTHING => invalid end state
 */

#ifndef GROWTHS
#define GROWTHS 1
#endif
#define POSITIONS 5 /* deliveries */
#ifndef RECALLS
#define RECALLS 2
#endif
#define SMALL 2
#define BIG 3

#define READY 1
#define TAKEN 2
#define FREE 3
#define RECALLED 4
#define WORD(position, tag) ((position) * 8 + (tag))
#define TAG(w) ((w) % 8)

/* Memory: place 1 has SMALL slots, place 2 BIG ones. */
#define FIRST(place) ((place) == 1 -> 0 : SMALL)
#define SLOTS(place) ((place) == 1 -> SMALL : BIG)
#define SLOT(place, position) (FIRST(place) + (position) % SLOTS(place))
byte state[SMALL + BIG];
bool ours[3]; /* not another handle's, whose words it has */

/* The cell. */
byte ring_next, next_from;
/* Sleeping, without its difficulties: wake.pml. */
bool armed, woken;

byte next = 1; /* the next position */
byte taken;    /* the last position that the consumer took */
bool was_void[POSITIONS + 1];

/* ---- the consumer ---- */

#define NEED_OURS(place) assert((place) != 0 && ours[place])

#ifdef MOVES_AT_ONCE
#define MOVES (next_from > from)
#else
#define MOVES (next_from > from && n >= next_from)
#endif

/* Where position n is: reads the cell. */
inline find()
{
	if
#if defined(KEEPS_NOTHING)
	:: next_from != 0 && n >= next_from -> place = ring_next
	:: else
#elif defined(LOOKS_ONCE_FOR_THE_NEXT)
	:: atomic { looked != n && MOVES -> looked = n; m = next_from }
		place = ring_next;
		atomic { from = m; m = 0 }
	:: atomic { looked != n && !MOVES -> looked = n }
	:: looked == n
#else
	:: atomic { MOVES -> m = next_from }
		place = ring_next;
		atomic { from = m; m = 0 }
	:: !MOVES
#endif
	fi
}

inline take()
{
	atomic {
		NEED_OURS(place);
		if
		:: state[SLOT(place, n)] == WORD(n, READY) ->
			state[SLOT(place, n)] = WORD(n, TAKEN);
			assert(n < next && n > taken && !was_void[n]);
			taken = n;
			if
			:: at[0] == 0 -> at[0] = n; in[0] = place
			:: at[0] != 0 -> at[1] = n; in[1] = place
			fi;
			n++
		:: else
		fi
	}
}

inline free(t)
{
	atomic {
		NEED_OURS(in[t]);
		assert(state[SLOT(in[t], at[t])] == WORD(at[t], TAKEN));
		state[SLOT(in[t], at[t])] = WORD(at[t], FREE);
		at[t] = 0;
		in[t] = 0
	}
}

/* Look once: the word of position n, wherever it is. */
inline look()
{
	find();
	atomic { NEED_OURS(place); w = state[SLOT(place, n)] }
}

#define VOID (w == WORD(n, RECALLED) || w / 8 > n)

proctype consumer()
{
	byte n = 1, place = 1, from; /* the next position, where it is, and the next_from that led there */
	byte at[2], in[2];               /* what threads are copying */
	byte m, w;
#ifdef LOOKS_ONCE_FOR_THE_NEXT
	byte looked;
#endif
	do
	:: at[0] == 0 || at[1] == 0 ->
		look();
		if
		:: w == WORD(n, READY) -> take()
		:: VOID -> n++
		:: w != WORD(n, READY) && !VOID ->
			armed = true;
			look();
			if
			:: w == WORD(n, READY) || VOID
			:: else ->
end:
				do
				:: woken -> woken = false; break
				:: at[0] != 0 -> free(0)
				:: at[1] != 0 -> free(1)
				od
			fi;
			armed = false
		fi;
		w = 0
	:: at[0] != 0 -> free(0)
	:: at[1] != 0 -> free(1)
	od
}

/* ---- the hub ---- */

#define LAST_IN_OLD (start - 1)
/* Where a position lies: there are at most two rings at a time. */
#define PLACE(p) ((p) >= start -> here : old)

inline wake()
{
	if
	:: armed -> armed = false; woken = true
	:: else
	fi
}

#define FREE_SLOT(w) ((w) == 0 || TAG(w) == FREE || TAG(w) == RECALLED)
/* The slot was not used since the ring began, or what was in it is settled and not in use. */
#define ROOM (next < start + SLOTS(here) || (next - known <= SLOTS(here) && FREE_SLOT(state[SLOT(here, next)])))

inline deliver()
{
	atomic { state[SLOT(here, next)] = WORD(next, READY); next++ }
	wake()
}

inline recall()
{
	atomic {
		p = next - 1;
		do
		:: p > known && was_void[p] -> p--
		:: else -> break
		od;
		if
		:: p > known && state[SLOT(PLACE(p), p)] == WORD(p, READY) ->
			state[SLOT(PLACE(p), p)] = WORD(p, RECALLED);
			was_void[p] = true
		:: else
		fi;
		p = 0
	}
}

inline announce()
{
	atomic {
		old = here;
		here = 3 - here;
		growths++;
#ifndef NOT_CLEARED
		for (p : FIRST(here) .. FIRST(here) + SLOTS(here) - 1) { state[p] = 0 }
#endif
		p = 0;
		ours[here] = true;
#ifdef ANNOUNCED_TOO_EARLY
		start = next - 1;
#else
		start = next;
#endif
		moved = false
	}
#ifdef FROM_BEFORE_RING
	next_from = start;
	ring_next = here;
#else
	ring_next = here;
	next_from = start;
#endif
	start = next
}

/* The other handle's words are those that this one's consumer would take next. */
inline take_memory_back()
{
	atomic {
		ours[old] = false;
		for (p : FIRST(old) .. FIRST(old) + SLOTS(old) - 1) { state[p] = WORD(next, READY) }
		old = 0;
		p = 0
	}
}

/* Nothing in the old ring is to be taken, or is being copied. The words are those of its last round. */
#define SETTLED (known >= LAST_IN_OLD)
#ifdef TAKEN_BACK_UNFREED
#define UNUSED true
#else
#define UNUSED (FREE_SLOT(state[FIRST(old)]) && FREE_SLOT(state[FIRST(old) + 1]) && (old == 1 || FREE_SLOT(state[FIRST(old) + 2])))
#endif
/* The consumer has taken something in the new ring: it will not look into the old one again. */
#ifdef TAKEN_BACK_WHEN_SETTLED
#define MOVED true
#else
#define MOVED moved
#endif

#define IN(p) state[SLOT(PLACE(p), p)]

proctype hub()
{
	byte known;                      /* all up to it are settled */
	byte here = 1, old, start = 1;   /* the ring that it fills, from where; the one before it, if it still has that */
	byte p, growths, recalls;
	bool moved;
	do
	:: next > POSITIONS && known + 1 == next && growths == GROWTHS && old == 0 -> break
	:: next > POSITIONS && known + 1 == next && old != 0 && !moved -> break /* nothing came behind the border */
	:: next <= POSITIONS && ROOM -> deliver()
	:: recalls < RECALLS && known + 1 < next -> recalls++; recall()
	:: atomic { known + 1 < next && was_void[known + 1] -> known++ }
	:: atomic {
			known + 1 < next && !was_void[known + 1] && (TAG(IN(known + 1)) == TAKEN || TAG(IN(known + 1)) == FREE) ->
			known++;
			moved = (moved || known >= start)
		}
	:: growths < GROWTHS && old == 0 -> announce()
	:: old != 0 && SETTLED && UNUSED && MOVED -> take_memory_back()
	od
}

init {
	atomic {
		ours[1] = true;
		/* the big one's memory was another handle's, which would be believed, too */
		state[SMALL] = WORD(3, READY);
		state[SMALL + 1] = WORD(4, READY);
		state[SMALL + 2] = WORD(5, READY);
		run consumer();
		run hub()
	}
}
