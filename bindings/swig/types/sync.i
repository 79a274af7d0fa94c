/*
 * Locks, semaphores, events, conditions and barriers.
 * Touches the public functions of <ipc/lock.h>, <ipc/semaphore.h>, <ipc/event.h>, <ipc/condition.h>, <ipc/barrier.h> and
 * glue_sync.h.
 * Locks nothing: handles may be used from any thread.
 *
 *   ipc_grant *grant                     out: hidden; two results, fence and abandoned
 *   bool *locked, *mine, *act            out: hidden arguments that become results
 *   ipc_lock *lock                       in:  a lock or null
 *   uint64_t *index                      out: likewise
 *   ipc_barrier_info *info               out: hidden; three results, parties, waiting and broken
 */
%rename(Lock) ipc_lock;
%rename(Semaphore) ipc_semaphore;
%rename(Event) ipc_event;
%rename(Condition) ipc_condition;
%rename(Barrier) ipc_barrier;
%warnfilter(314) ipc_barrier::pass; /* in Python it is _pass */
%newobject ipc_lock::from_ticket;
%newobject ipc_semaphore::from_ticket;
%newobject ipc_event::from_ticket;
%newobject ipc_condition::from_ticket;
%newobject ipc_barrier::from_ticket;

typedef struct ipc_lock {
    %extend {
        ipc_lock(ipc_conn *conn, const char *name, int mode, bool recursive, bool refuse_deadlock, ipc_err *failed);
        ~ipc_lock();
        static ipc_lock *from_ticket(ipc_conn *conn, const void *ticket, size_t size, ipc_err *failed);
        ipc_err acquire(int64_t timeout_ms, ipc_grant *grant);
        ipc_err release();
        ipc_err peek(bool *locked, bool *mine);
        ipc_err refer(ipc_msg **value);
        ipc_err share(ipc_msg **value);
        const char *name();
        bool recursive();
        void close();
    }
} ipc_lock;

typedef struct ipc_semaphore {
    %extend {
        ipc_semaphore(ipc_conn *conn, const char *name, int mode, uint32_t value, bool bounded, ipc_err *failed);
        ~ipc_semaphore();
        static ipc_semaphore *from_ticket(ipc_conn *conn, const void *ticket, size_t size, ipc_err *failed);
        ipc_err acquire(int64_t timeout_ms);
        ipc_err release(uint32_t count);
        ipc_err value(uint64_t *count);
        ipc_err refer(ipc_msg **value);
        ipc_err share(ipc_msg **value);
        const char *name();
        void close();
    }
} ipc_semaphore;

typedef struct ipc_event {
    %extend {
        ipc_event(ipc_conn *conn, const char *name, int mode, ipc_err *failed);
        ~ipc_event();
        static ipc_event *from_ticket(ipc_conn *conn, const void *ticket, size_t size, ipc_err *failed);
        ipc_err set();
        ipc_err clear();
        ipc_err is_set(bool *answer);
        ipc_err wait(int64_t timeout_ms);
        ipc_err refer(ipc_msg **value);
        ipc_err share(ipc_msg **value);
        const char *name();
        void close();
    }
} ipc_event;

typedef struct ipc_condition {
    %extend {
        ipc_condition(ipc_conn *conn, const char *name, int mode, bool refuse_deadlock, ipc_lock *lock, ipc_err *failed);
        ~ipc_condition();
        static ipc_condition *from_ticket(ipc_conn *conn, const void *ticket, size_t size, ipc_err *failed);
        ipc_err acquire(int64_t timeout_ms, ipc_grant *grant);
        ipc_err release();
        ipc_err wait(int64_t timeout_ms, bool *answer, ipc_grant *grant);
        ipc_err notify(uint32_t count);
        ipc_err refer(ipc_msg **value);
        ipc_err share(ipc_msg **value);
        const char *name();
        void close();
    }
} ipc_condition;

typedef struct ipc_barrier {
    %extend {
        ipc_barrier(ipc_conn *conn, const char *name, int mode, uint32_t parties, ipc_err *failed);
        ~ipc_barrier();
        static ipc_barrier *from_ticket(ipc_conn *conn, const void *ticket, size_t size, ipc_err *failed);
        ipc_err wait(int64_t timeout_ms, bool acts, uint64_t *index, bool *act);
        ipc_err pass(bool good);
        ipc_err reset();
        ipc_err abort();
        ipc_err stat(ipc_barrier_info *info);
        ipc_err refer(ipc_msg **value);
        ipc_err share(ipc_msg **value);
        const char *name();
        void close();
    }
} ipc_barrier;
