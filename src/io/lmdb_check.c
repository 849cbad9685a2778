/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Is a file a sound LMDB store? The library maps the file and believes it: a length or a page number that is
 * wrong, be it from a bad disk or a copy that was cut, would lead it out of the map and end the process. So
 * the file is walked once before the library gets it, with plain reads and every number checked:
 *
 * - both meta pages have the magic number, this version and the same page size;
 * - each page of the two trees (names, and free pages) is in the file, says its own number, has the kind that its depth asks
 *   for, and its nodes lie inside, side by side without gap from `upper` to the end: the library moves them by their sizes;
 * - no page is used twice, or is used and free.
 *
 * The same walk over the records alone reads a store that another process writes, perhaps of another user, who may be hostile
 * or dead. A transaction never changes pages of the one before, but later ones do, if no reader stands in the library's lock
 * file; for that it takes the right to write. Ours is a read lock (of an open file description) on a byte far behind the end of
 * the store, which takes but the right to read; the writer looks for it before each transaction, and keeps the pages. Whether
 * it did is seen afterwards, by how many transactions there were meanwhile.
 *
 * What the names and values say is for whoever reads them. The format is that of LMDB 0.9, in the byte order
 * and word size of the machine (64 bits), as that library writes it:
 *
 *   meta page   page header, magic u32, version u32, address u64, map size u64, 2 trees, last page u64,
 *               transaction u64; the trees are the one of free pages and that of the records
 *   tree        page size or 0 u32, flags u16, depth u16, pages of 3 kinds u64, entries u64, root page u64
 *   page        number u64, pad u16, flags u16, lower u16, upper u16 (or u32: pages of an overflow), then
 *               offsets of nodes u16 up to `lower`
 *   node        size of the data or number of the page below, u16 u16; flags u16 (of a branch: the number's
 *               upper part), size of the key u16, key, data
 */
#include "io/lmdb_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PAGE_MIN = 512,
    PAGE_MAX = 32768,
    PAGE_HEAD = 16,
    NODE_HEAD = 8,
    FLAG_BRANCH = 1,
    FLAG_LEAF = 2,
    FLAG_OVERFLOW = 4,
    FLAG_META = 8,
    FLAG_KEEP = 0x8000, /* of the writer's memory; means nothing here */
    NODE_BIG = 1,       /* the data lies in pages of its own */
    DEPTH_MAX = 16,     /* a hundred to the power of that */
    META_PAGES = 2,
    FREE_TREE_FLAGS = 0x4008, /* keys are integers; the store is one file (MDB_NOSUBDIR) */
    NUMBERS_READ = 512,       /* of free pages, at once */
    META_TRIES = 16,          /* a few microseconds each; a commit takes longer */
    UNWRITTEN_MAX = 65536, /* pages behind the end of the file that were free before they were ever written */
};

#define META_MAGIC   UINT32_C(0xbeefc0de)
#define META_VERSION 1
#define NO_PAGE      UINT64_MAX
#define READERS_AT   (INT64_C(1) << 62) /* the byte that readers lock: no store is that large */

struct tree {
    uint32_t page_size;
    uint16_t flags, depth;
    uint64_t branch_pages, leaf_pages, overflow_pages, entries, root;
};

struct meta {
    uint32_t magic, version;
    uint64_t address, map_size;
    struct tree trees[2];
    uint64_t last_page, transaction;
};

struct page_head {
    uint64_t number;
    uint16_t pad, flags, lower, upper;
};

struct node_head {
    uint16_t low, high, flags, key_size;
};

struct walk {
    int fd;
    size_t page_size;
    uint64_t n_pages;
    uint8_t *seen;             /* a bit a page */
    bool of_free;              /* the tree being walked is that of free pages */
    uint8_t *pages[DEPTH_MAX]; /* a buffer for each level */
    lmdb_take *take;           /* NULL: the records are not wanted */
    void *arg;
    bool enough; /* take has said so */
};

static int read_at(int fd, uint64_t at, void *bytes, size_t len)
{
    ssize_t n = pread(fd, bytes, len, (off_t)at);

    return n == (ssize_t)len ? 0 : n < 0 ? -errno : -EBADMSG;
}

/* The page is one of the file and has not been met before. */
static bool take_page(struct walk *w, uint64_t number)
{
    if (number < META_PAGES || number >= w->n_pages)
        return false;
    uint8_t *byte = &w->seen[number / 8], bit = (uint8_t)(1u << number % 8);
    bool fresh = !(*byte & bit);
    *byte |= bit;
    return fresh;
}

/* --- nodes --- */

/* Data in pages of its own: a header and, from there on, `size` bytes. */
static int check_overflow(struct walk *w, uint64_t number, uint64_t size)
{
    struct page_head head;
    int error = number < w->n_pages ? read_at(w->fd, number * w->page_size, &head, sizeof(head)) : -EBADMSG;
    uint64_t pages = (size + PAGE_HEAD + w->page_size - 1) / w->page_size;

    if (error < 0)
        return error;
    if (head.number != number || (head.flags & ~FLAG_KEEP) != FLAG_OVERFLOW ||
        ((uint64_t)head.upper << 16 | head.lower) != pages)
        return -EBADMSG;
    for (uint64_t i = 0; i < pages; i++)
        if (!take_page(w, number + i))
            return -EBADMSG;
    return 0;
}

/* A list of free pages: their count, then their numbers in falling order. */
static int check_free_list(struct walk *w, uint64_t at, uint64_t size)
{
    uint64_t count, some[NUMBERS_READ], before = NO_PAGE, n;
    int error = size >= sizeof(count) ? read_at(w->fd, at, &count, sizeof(count)) : -EBADMSG;

    if (error == 0 && (count >= w->n_pages || size < (count + 1) * sizeof(*some)))
        error = -EBADMSG;
    for (at += sizeof(count); error == 0 && count > 0; count -= n, at += n * sizeof(*some)) {
        n = count < NUMBERS_READ ? count : NUMBERS_READ;
        error = read_at(w->fd, at, some, n * sizeof(*some));
        for (uint64_t i = 0; error == 0 && i < n; before = some[i++])
            if (some[i] >= before || !take_page(w, some[i]))
                error = -EBADMSG;
    }
    return error;
}

/* A node of a leaf; `room`: bytes from its head to the end of the page. */
static int check_leaf_node(struct walk *w, uint64_t page, const uint8_t *node, size_t at, size_t room)
{
    struct node_head head;
    uint64_t big;

    memcpy(&head, node, sizeof(head));
    const uint8_t *key = node + NODE_HEAD;
    uint64_t size = (uint64_t)head.high << 16 | head.low;
    uint64_t here = head.flags == NODE_BIG ? sizeof(big) : size;
    if ((head.flags != 0 && head.flags != NODE_BIG) || NODE_HEAD + (uint64_t)head.key_size + here > room)
        return -EBADMSG;
    if (w->of_free && head.key_size != sizeof(uint64_t))
        return -EBADMSG;
    uint64_t data = page * w->page_size + at + NODE_HEAD + head.key_size;
    if (head.flags == NODE_BIG) {
        memcpy(&big, key + head.key_size, sizeof(big));
        int error = check_overflow(w, big, size);
        if (error < 0)
            return error;
        data = big * w->page_size + PAGE_HEAD;
    } else if (w->take) {
        w->enough = !w->take(w->arg, key, head.key_size, key + head.key_size, size);
    }
    return w->of_free ? check_free_list(w, data, size) : 0;
}

/* --- trees --- */

static int walk_page(struct walk *w, uint64_t number, unsigned depth);

static int check_branch_node(struct walk *w, const uint8_t *node, size_t room, unsigned depth)
{
    struct node_head head;

    memcpy(&head, node, sizeof(head));
    if (NODE_HEAD + (size_t)head.key_size > room)
        return -EBADMSG;
    return walk_page(w, (uint64_t)head.flags << 32 | (uint64_t)head.high << 16 | head.low, depth - 1);
}

/* Bytes of a node as it lies in its page, at an even place; 0: it does not lie inside. */
static size_t node_size(const uint8_t *node, size_t room, bool is_leaf)
{
    struct node_head head;

    memcpy(&head, node, sizeof(head));
    uint64_t size = NODE_HEAD + (uint64_t)head.key_size;
    if (is_leaf)
        size += head.flags == NODE_BIG ? sizeof(uint64_t) : (uint64_t)head.high << 16 | head.low;
    size += size % 2;
    return size <= room ? (size_t)size : 0;
}

/* Each node lies in a place of its own, and together they fill all from `upper` on. */
static bool nodes_fill_page(const struct walk *w, const uint8_t *page, const struct page_head *head,
                            bool is_leaf)
{
    uint8_t taken[PAGE_MAX / 2] = {0}; /* two bytes each */
    size_t left = w->page_size - head->upper;

    for (unsigned i = 0; i < (head->lower - PAGE_HEAD) / 2u; i++) {
        uint16_t at;
        memcpy(&at, page + PAGE_HEAD + 2 * i, sizeof(at));
        if (at < head->upper || at % 2 != 0 || (size_t)at + NODE_HEAD > w->page_size)
            return false;
        size_t size = node_size(page + at, w->page_size - at, is_leaf);
        if (size == 0 || size > left || memchr(taken + at / 2, 1, size / 2))
            return false;
        memset(taken + at / 2, 1, size / 2);
        left -= size;
    }
    return left == 0;
}

static bool is_page(const struct walk *w, const struct page_head *head, uint64_t number, unsigned depth)
{
    return head->number == number && (head->flags & ~FLAG_KEEP) == (depth == 1 ? FLAG_LEAF : FLAG_BRANCH) &&
           head->lower >= PAGE_HEAD && head->lower % 2 == 0 && head->lower <= head->upper &&
           head->upper <= w->page_size;
}

/* A page of a tree and all below it. depth: levels from here to the leaves, 1: it is a leaf. */
static int walk_page(struct walk *w, uint64_t number, unsigned depth)
{
    uint8_t *page = w->pages[depth - 1];
    struct page_head head;
    int error = take_page(w, number) ? read_at(w->fd, number * w->page_size, page, w->page_size) : -EBADMSG;

    if (error < 0)
        return error;
    memcpy(&head, page, sizeof(head));
    if (!is_page(w, &head, number, depth))
        return -EBADMSG;
    unsigned nodes = (head.lower - PAGE_HEAD) / 2u;
    if (nodes < (depth == 1 ? 1 : 2) || !nodes_fill_page(w, page, &head, depth == 1))
        return -EBADMSG;
    for (unsigned i = 0; i < nodes && error == 0 && !w->enough; i++) {
        uint16_t at;
        memcpy(&at, page + PAGE_HEAD + 2 * i, sizeof(at));
        error = depth == 1 ? check_leaf_node(w, number, page + at, at, w->page_size - at)
                           : check_branch_node(w, page + at, w->page_size - at, depth);
    }
    return error;
}

static int walk_tree(struct walk *w, const struct tree *tree, bool of_free)
{
    w->of_free = of_free;
    if (tree->flags != (of_free ? FREE_TREE_FLAGS : 0))
        return -EBADMSG;
    if (tree->root == NO_PAGE)
        return tree->depth == 0 ? 0 : -EBADMSG;
    if (tree->depth < 1 || tree->depth > DEPTH_MAX)
        return -EBADMSG;
    for (unsigned i = 0; i < tree->depth; i++)
        if (!w->pages[i] && !(w->pages[i] = malloc(w->page_size)))
            return -ENOMEM;
    return walk_page(w, tree->root, tree->depth);
}

static int walk_begin(struct walk *w, int fd, const struct meta *meta)
{
    *w = (struct walk){.fd = fd, .page_size = meta->trees[0].page_size, .n_pages = meta->last_page + 1};
    w->seen = calloc(w->n_pages / 8 + 1, 1);
    return w->seen ? 0 : -ENOMEM;
}

static void walk_end(struct walk *w)
{
    for (unsigned i = 0; i < DEPTH_MAX; i++)
        free(w->pages[i]);
    free(w->seen);
}

/* --- meta pages --- */

static bool is_page_size(uint32_t size)
{
    return size >= PAGE_MIN && size <= PAGE_MAX && (size & (size - 1)) == 0;
}

/* One of the two meta pages. */
static int read_meta(int fd, uint64_t at, struct meta *ret)
{
    struct page_head head;
    int error = read_at(fd, at, &head, sizeof(head));

    if (error == 0)
        error = read_at(fd, at + PAGE_HEAD, ret, sizeof(*ret));
    if (error < 0)
        return error;
    return (head.flags & FLAG_META) && ret->magic == META_MAGIC && ret->version == META_VERSION &&
                   is_page_size(ret->trees[0].page_size)
               ? 0
               : -EBADMSG;
}

/* The newer meta page. */
static int read_newer(int fd, struct meta *ret)
{
    struct meta metas[META_PAGES];
    struct stat st;
    int error = read_meta(fd, 0, &metas[0]);

    if (error == 0)
        error = read_meta(fd, metas[0].trees[0].page_size, &metas[1]);
    if (error == 0 && fstat(fd, &st) < 0)
        error = -errno;
    if (error < 0)
        return error;
    uint32_t page_size = metas[0].trees[0].page_size;
    const struct meta *newer = &metas[metas[1].transaction > metas[0].transaction];
    if (metas[1].trees[0].page_size != page_size || newer->last_page < META_PAGES - 1 ||
        newer->last_page > (uint64_t)st.st_size / page_size + UNWRITTEN_MAX)
        return -EBADMSG;
    *ret = *newer;
    return 0;
}

/* The same while somebody may be writing it: it is whole if it is the same twice. */
static int read_newer_whole(int fd, struct meta *ret)
{
    struct meta again;

    for (unsigned i = 0; i < META_TRIES; i++) {
        int error = read_newer(fd, ret);
        if (error == 0)
            error = read_newer(fd, &again);
        if (error < 0)
            return error;
        if (memcmp(ret, &again, sizeof(again)) == 0)
            return 0;
    }
    return -EAGAIN;
}

/* --- what others call --- */

int lmdb_check(int fd)
{
    struct meta meta;
    struct walk w;
    int error = read_newer(fd, &meta);

    if (error < 0)
        return error;
    error = walk_begin(&w, fd, &meta);
    if (error == 0)
        error = walk_tree(&w, &meta.trees[1], false);
    if (error == 0)
        error = walk_tree(&w, &meta.trees[0], true);
    walk_end(&w);
    return error;
}

int lmdb_newest(int fd, uint64_t *ret)
{
    struct meta meta;
    int error = read_newer_whole(fd, &meta);

    if (error == 0)
        *ret = meta.transaction;
    return error;
}

/* Without the lock, as on a file system that has none, reading works as long as the writer is slow. */
static void hold(int fd, short type)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = READERS_AT, .l_len = 1};

    (void)fcntl(fd, F_OFD_SETLK, &lock);
}

bool lmdb_is_read(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = READERS_AT, .l_len = 1};

    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static int read_records(int fd, const struct meta *meta, lmdb_take *take, void *arg)
{
    struct walk w;
    uint64_t newest = 0;
    int error = walk_begin(&w, fd, meta);

    w.take = take;
    w.arg = arg;
    if (error == 0)
        error = walk_tree(&w, &meta->trees[1], false);
    walk_end(&w);
    int then = lmdb_newest(fd, &newest);
    if (then < 0)
        return then;
    bool kept = newest >= meta->transaction && newest - meta->transaction < LMDB_HELD_COMMITS;
    return kept ? error : -EAGAIN;
}

int lmdb_read(int fd, lmdb_take *take, void *arg, uint64_t *ret_transaction)
{
    struct meta meta;

    hold(fd, F_RDLCK);
    int error = read_newer_whole(fd, &meta);
    if (error == 0)
        error = read_records(fd, &meta, take, arg);
    hold(fd, F_UNLCK);
    if (error == 0)
        *ret_transaction = meta.transaction;
    return error;
}
