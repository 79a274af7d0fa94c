/*
 * Dicts and namespaces, lists, arrays and values.
 * Touches the public functions of <ipc/dict.h>, <ipc/list.h>, <ipc/array.h> and glue_container.h.
 * Locks nothing: handles may be used from any thread.
 *
 *   int method                           in:  a number of enum ipc_method; the arguments are one value, a sequence
 *   const char *typecode                 in:  text or null: as it is
 *   uint64_t numbers                     in:  how many; 0 is as it is, or as many as there are values
 *   (const void *bytes, size_t length)   in:  of an array's constructor: what it begins with, or null
 */
%rename(Dict) ipc_dict;
%rename(List) ipc_list;
%rename(Array) ipc_array;
%newobject ipc_dict::from_ticket;
%newobject ipc_list::from_ticket;
%newobject ipc_array::from_ticket;

typedef struct ipc_dict {
    %extend {
        ipc_dict(ipc_conn *conn, const char *name, int mode, bool names, ipc_err *failed);
        ~ipc_dict();
        static ipc_dict *from_ticket(ipc_conn *conn, const void *ticket, size_t size, ipc_err *failed);
        ipc_err invoke(int method, const void *bytes, size_t length, ipc_msg **value);
        ipc_err refer(ipc_msg **value);
        ipc_err share(ipc_msg **value);
        const char *name();
        bool names();
        void close();
    }
} ipc_dict;

typedef struct ipc_list {
    %extend {
        ipc_list(ipc_conn *conn, const char *name, int mode, ipc_err *failed);
        ~ipc_list();
        static ipc_list *from_ticket(ipc_conn *conn, const void *ticket, size_t size, ipc_err *failed);
        ipc_err invoke(int method, const void *bytes, size_t length, ipc_msg **value);
        ipc_err refer(ipc_msg **value);
        ipc_err share(ipc_msg **value);
        const char *name();
        void close();
    }
} ipc_list;

typedef struct ipc_array {
    %extend {
        ipc_array(ipc_conn *conn, const char *name, int mode, const char *typecode, bool scalar, uint64_t numbers,
                  const void *bytes, size_t length, ipc_err *failed);
        ~ipc_array();
        static ipc_array *from_ticket(ipc_conn *conn, const void *ticket, size_t size, ipc_err *failed);
        ipc_err invoke(int method, const void *bytes, size_t length, ipc_msg **value);
        ipc_err acquire(int64_t timeout_ms, ipc_grant *grant);
        ipc_err release();
        ipc_err peek(bool *locked, bool *mine);
        ipc_err refer(ipc_msg **value);
        ipc_err share(ipc_msg **value);
        const char *name();
        char typecode();
        uint64_t length();
        bool scalar();
        void close();
    }
} ipc_array;
