/*
 * Pipes: two ends and a stream each way. When the last holder of an end is gone, the other end reads what is left and
 * then meets the end of file.
 * Touches its streams and, through the core, its holders. Not locked: the core's thread.
 */
#include "hub/stream.h"
#include "util/error.h"

#include <utlist.h>

enum { A = 0, B = 1 };

struct pipe_end {
    ipc__stream in; /* what this end receives */
    unsigned holders;
    bool met; /* it had a holder once */
};

struct pipe {
    ipc__object base;
    struct pipe_end ends[2];
    bool simplex; /* A receives, B sends */
};

struct pipe_hold {
    ipc__hold base;
    int end;
    bool ended; /* the end of file was told */
    ipc__sub sub;
    ipc__source source;
};

static bool gone(const struct pipe_end *end)
{
    return end->met && end->holders == 0;
}

static bool may_receive(const struct pipe *pipe, int end)
{
    return !pipe->simplex || end == A;
}

static bool may_send(const struct pipe *pipe, int end)
{
    return !pipe->simplex || end == B;
}

/* Tell an end's holders of the end of file: when nothing can come any more, to any of them. */
static void check_end(struct pipe *pipe, int end)
{
    ipc__stream *in = &pipe->ends[end].in;
    in->ending = gone(&pipe->ends[!end]);
    if (pipe->base.deleting || !in->ending || ipc__stream_size(in) || in->putters) {
        return;
    }
    ipc__hold *base;
    DL_FOREACH(pipe->base.holds, base)
    {
        struct pipe_hold *hold = (struct pipe_hold *)base;
        if (hold->end == end && !hold->ended && ipc__hold_alive(base)) {
            hold->ended = true;
            ipc__notify_end(base, IPC_EEOF);
        }
    }
}

static void pipe_taken(ipc__stream *stream, ipc__sub *sub, ipc__item *item)
{
    (void)sub;
    struct pipe *pipe = (struct pipe *)stream->object;
    ipc__item_free(pipe->base.core, item);
    check_end(pipe, stream == &pipe->ends[A].in ? A : B);
}

static const ipc__stream_ops stream_ops = {.taken = pipe_taken};

static ipc_err pipe_put(struct pipe *pipe, struct pipe_hold *hold, const ipc__request *request)
{
    if (!may_send(pipe, hold->end)) {
        return IPC_EPROTO;
    }
    if (!gone(&pipe->ends[!hold->end])) {
        return ipc__stream_put(&hold->source, request);
    }
    ipc__bytes value;
    ipc__block *block;
    if (request->op != IPC__OP_PUT || request->fields != 1 || !ipc__read_value(request->envelope, &value, &block)) {
        return IPC_EPROTO;
    }
    hold->base.session->acked += value.length;
    return ipc__fail_plain(IPC_EPIPE);
}

static ipc_err pipe_request(ipc__hold *base, const ipc__request *request)
{
    struct pipe *pipe = (struct pipe *)base->object;
    struct pipe_hold *hold = (struct pipe_hold *)base;
    if (request->op == IPC__OP_PUT) {
        return pipe_put(pipe, hold, request);
    }
    if (!may_receive(pipe, hold->end)) {
        return IPC_EPROTO;
    }
    ipc_err err;
    switch (request->op) {
    case IPC__OP_FLOW:
        err = ipc__stream_flow(&hold->sub, request);
        break;
    case IPC__OP_POLL:
        err = ipc__stream_poll(&hold->sub, request);
        break;
    case IPC__OP_RECALLED:
        err = ipc__stream_recalled(&hold->sub, request);
        break;
    default:
        return IPC_EPROTO;
    }
    check_end(pipe, hold->end);
    return err;
}

/* ---- beginnings and ends ---- */

static const char options_text[] = "a pipe's options are end (0, 1 or 2) and simplex (true or false)";

static ipc_err pipe_init(ipc__object *object, ipc_cursor options)
{
    struct pipe *pipe = (struct pipe *)object;
    bool present;
    if (!ipc__option_bool(options, "simplex", &pipe->simplex, &present)) {
        return ipc__fail(IPC_EINVAL, "%s", options_text);
    }
    ipc__stream_init(&pipe->ends[A].in, object, &stream_ops, 0);
    ipc__stream_init(&pipe->ends[B].in, object, &stream_ops, 0);
    return IPC_OK;
}

static ipc_err pipe_match(const ipc__object *object, ipc_cursor options)
{
    const struct pipe *pipe = (const struct pipe *)object;
    bool simplex = pipe->simplex;
    bool present;
    if (!ipc__option_bool(options, "simplex", &simplex, &present)) {
        return ipc__fail(IPC_EINVAL, "%s", options_text);
    }
    if (simplex != pipe->simplex) {
        return ipc__fail(IPC_EOPTIONS, "pipe \"%s\" exists and is %s; open it so", object->name,
                         pipe->simplex ? "simplex" : "duplex");
    }
    return IPC_OK;
}

static void pipe_fini(ipc__object *object)
{
    struct pipe *pipe = (struct pipe *)object;
    ipc__stream_fini(&pipe->ends[A].in);
    ipc__stream_fini(&pipe->ends[B].in);
}

/* Which end a new hold gets. */
static ipc_err choose_end(const struct pipe *pipe, uint64_t asked, int *end)
{
    const char *name = pipe->base.name ? pipe->base.name : "";
    if (asked > 2) {
        return ipc__fail(IPC_EINVAL, "%s", options_text);
    }
    if (asked == 0) {
        *end = pipe->ends[A].holders == 0 && !gone(&pipe->ends[A]) ? A : B;
        if (pipe->ends[*end].holders) {
            return ipc__fail(IPC_EBUSY, "both ends of pipe \"%s\" are held; name the end to share one", name);
        }
    } else {
        *end = asked == 1 ? A : B;
    }
    if (gone(&pipe->ends[*end])) {
        return ipc__fail(
            IPC_EPIPE,
            "that end of pipe \"%s\" is gone for good; the pipe begins anew when its other end is gone as well", name);
    }
    return IPC_OK;
}

/* Both ends are gone: whoever opens it by name next gets a new pipe. */
static void reset(struct pipe *pipe)
{
    for (int end = A; end <= B; end++) {
        ipc__stream_clear(&pipe->ends[end].in);
        pipe->ends[end].met = false;
    }
}

static ipc_err pipe_attach(ipc__hold *base, ipc_cursor options, const ipc__hold *twin)
{
    struct pipe *pipe = (struct pipe *)base->object;
    struct pipe_hold *hold = (struct pipe_hold *)base;
    if (twin) {
        hold->end = ((const struct pipe_hold *)twin)->end;
    } else {
        if (gone(&pipe->ends[A]) && gone(&pipe->ends[B])) {
            reset(pipe);
        }
        uint64_t asked = 0;
        bool present;
        if (!ipc__option_uint(options, "end", &asked, &present)) {
            return ipc__fail(IPC_EINVAL, "%s", options_text);
        }
        ipc_err err = choose_end(pipe, asked, &hold->end);
        if (err) {
            return err;
        }
    }
    struct pipe_end *end = &pipe->ends[hold->end];
    end->holders++;
    end->met = true;
    ipc__sub_attach(&hold->sub, &end->in, base);
    ipc__source_attach(&hold->source, &pipe->ends[!hold->end].in, base);
    return IPC_OK;
}

static void pipe_detach(ipc__hold *base, ipc__end end, uint64_t now)
{
    (void)now;
    struct pipe *pipe = (struct pipe *)base->object;
    struct pipe_hold *hold = (struct pipe_hold *)base;
    pipe->ends[hold->end].holders--;
    ipc__source_detach(&hold->source);
    ipc__sub_detach(&hold->sub, end);
    if (gone(&pipe->ends[hold->end])) {
        ipc__stream_clear(&pipe->ends[hold->end].in);
    }
    check_end(pipe, !hold->end);
    check_end(pipe, hold->end);
}

static void pipe_watched(ipc__hold *base)
{
    ipc__sub_watched(&((struct pipe_hold *)base)->sub);
}

static void pipe_describe(const ipc__hold *base, msgpack_packer *packer)
{
    const struct pipe *pipe = (const struct pipe *)base->object;
    msgpack_pack_map(packer, 2);
    msgpack_pack_str_with_body(packer, "end", 3);
    msgpack_pack_int(packer, ((const struct pipe_hold *)base)->end + 1);
    msgpack_pack_str_with_body(packer, "simplex", 7);
    pipe->simplex ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
}

static void pipe_inspect(const ipc__object *object, msgpack_packer *packer)
{
    const struct pipe *pipe = (const struct pipe *)object;
    msgpack_pack_map(packer, 4);
    ipc__pack_bool(packer, "simplex", pipe->simplex);
    ipc__pack_uint(packer, "size", ipc__stream_size(&pipe->ends[A].in) + ipc__stream_size(&pipe->ends[B].in));
    for (int end = A; end <= B; end++) {
        ipc__pack_text(packer, end == A ? "a" : "b");
        msgpack_pack_map(packer, 1 + IPC__STREAM_FIELDS);
        ipc__pack_uint(packer, "holders", pipe->ends[end].holders);
        ipc__stream_inspect(&pipe->ends[end].in, packer);
    }
}

static void pipe_refresh(ipc__object *object)
{
    struct pipe *pipe = (struct pipe *)object;
    ipc__stream_pump(&pipe->ends[A].in);
    ipc__stream_pump(&pipe->ends[B].in);
}

static uint64_t pipe_unread(const ipc__object *object)
{
    const struct pipe *pipe = (const struct pipe *)object;
    return ipc__stream_size(&pipe->ends[A].in) + ipc__stream_size(&pipe->ends[B].in);
}

const ipc__object_ops ipc__pipe_ops = {
    .name = "pipe",
    .size = sizeof(struct pipe),
    .hold_size = sizeof(struct pipe_hold),
    .init = pipe_init,
    .match = pipe_match,
    .fini = pipe_fini,
    .attach = pipe_attach,
    .detach = pipe_detach,
    .request = pipe_request,
    .watched = pipe_watched,
    .describe = pipe_describe,
    .refresh = pipe_refresh,
    .unread = pipe_unread,
    .inspect = pipe_inspect,
};
