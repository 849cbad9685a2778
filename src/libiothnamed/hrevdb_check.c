/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Is a file a sound LMDB store? The library maps the file and believes it: a length or a page number that is
 * wrong, be it from a bad disk or a copy that was cut, would lead it out of the map and end the process. So
 * the file is walked once before the library gets it, with plain reads and every number checked:
 *
 * - both meta pages have the magic number, this version and the same page size;
 * - each page of the two trees (names, and free pages) is in the file, says its own number, has the kind that its depth asks
 *   for, and its nodes lie inside;
 * - no page is used twice, or is used and free.
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
#include "libiothnamed/hrevdb.h"

#include <errno.h>
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
    UNWRITTEN_MAX = 65536, /* pages behind the end of the file that were free before they were ever written */
};

#define META_MAGIC   UINT32_C(0xbeefc0de)
#define META_VERSION 1
#define NO_PAGE      UINT64_MAX

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

struct checker {
    int fd;
    size_t page_size;
    uint64_t n_pages;
    uint8_t *seen;             /* a bit a page */
    bool of_free;              /* the tree being walked is that of free pages */
    uint8_t *pages[DEPTH_MAX]; /* a buffer for each level */
};

static int read_at(int fd, uint64_t at, void *bytes, size_t len)
{
    ssize_t n = pread(fd, bytes, len, (off_t)at);

    return n == (ssize_t)len ? 0 : n < 0 ? -errno : -EBADMSG;
}

/* The page is one of the file and has not been met before. */
static bool take_page(struct checker *c, uint64_t number)
{
    if (number < META_PAGES || number >= c->n_pages)
        return false;
    uint8_t *byte = &c->seen[number / 8], bit = (uint8_t)(1u << number % 8);
    bool fresh = !(*byte & bit);
    *byte |= bit;
    return fresh;
}

/* Data in pages of its own: a header and, from there on, `size` bytes. */
static int check_overflow(struct checker *c, uint64_t number, uint64_t size)
{
    struct page_head head;
    int error = number < c->n_pages ? read_at(c->fd, number * c->page_size, &head, sizeof(head)) : -EBADMSG;
    uint64_t pages = (size + PAGE_HEAD + c->page_size - 1) / c->page_size;

    if (error < 0)
        return error;
    if (head.number != number || (head.flags & ~FLAG_KEEP) != FLAG_OVERFLOW ||
        ((uint64_t)head.upper << 16 | head.lower) != pages)
        return -EBADMSG;
    for (uint64_t i = 0; i < pages; i++)
        if (!take_page(c, number + i))
            return -EBADMSG;
    return 0;
}

/* A list of free pages: their count, then their numbers in falling order. */
static int check_free_list(struct checker *c, uint64_t at, uint64_t size)
{
    uint64_t count, some[NUMBERS_READ], before = NO_PAGE, n;
    int error = size >= sizeof(count) ? read_at(c->fd, at, &count, sizeof(count)) : -EBADMSG;

    if (error == 0 && (count >= c->n_pages || size < (count + 1) * sizeof(*some)))
        error = -EBADMSG;
    for (at += sizeof(count); error == 0 && count > 0; count -= n, at += n * sizeof(*some)) {
        n = count < NUMBERS_READ ? count : NUMBERS_READ;
        error = read_at(c->fd, at, some, n * sizeof(*some));
        for (uint64_t i = 0; error == 0 && i < n; before = some[i++])
            if (some[i] >= before || !take_page(c, some[i]))
                error = -EBADMSG;
    }
    return error;
}

/* A node of a leaf; `room`: bytes from its head to the end of the page. */
static int check_leaf_node(struct checker *c, uint64_t page, const uint8_t *node, size_t at, size_t room)
{
    struct node_head head;
    uint64_t big;

    memcpy(&head, node, sizeof(head));
    uint64_t size = (uint64_t)head.high << 16 | head.low;
    uint64_t here = head.flags == NODE_BIG ? sizeof(big) : size;
    if ((head.flags != 0 && head.flags != NODE_BIG) || NODE_HEAD + (uint64_t)head.key_size + here > room)
        return -EBADMSG;
    if (c->of_free && head.key_size != sizeof(uint64_t))
        return -EBADMSG;
    uint64_t data = page * c->page_size + at + NODE_HEAD + head.key_size;
    if (head.flags == NODE_BIG) {
        memcpy(&big, node + NODE_HEAD + head.key_size, sizeof(big));
        int error = check_overflow(c, big, size);
        if (error < 0)
            return error;
        data = big * c->page_size + PAGE_HEAD;
    }
    return c->of_free ? check_free_list(c, data, size) : 0;
}

static int check_page(struct checker *c, uint64_t number, unsigned depth);

static int check_branch_node(struct checker *c, const uint8_t *node, size_t room, unsigned depth)
{
    struct node_head head;

    memcpy(&head, node, sizeof(head));
    if (NODE_HEAD + (size_t)head.key_size > room)
        return -EBADMSG;
    return check_page(c, (uint64_t)head.flags << 32 | (uint64_t)head.high << 16 | head.low, depth - 1);
}

/* A page of a tree and all below it. depth: levels from here to the leaves, 1: it is a leaf. */
static int check_page(struct checker *c, uint64_t number, unsigned depth)
{
    uint8_t *page = c->pages[depth - 1];
    struct page_head head;
    int error = take_page(c, number) ? read_at(c->fd, number * c->page_size, page, c->page_size) : -EBADMSG;

    if (error < 0)
        return error;
    memcpy(&head, page, sizeof(head));
    if (head.number != number || (head.flags & ~FLAG_KEEP) != (depth == 1 ? FLAG_LEAF : FLAG_BRANCH) ||
        head.lower < PAGE_HEAD || head.lower % 2 != 0 || head.lower > head.upper || head.upper > c->page_size)
        return -EBADMSG;
    unsigned nodes = (head.lower - PAGE_HEAD) / 2u;
    if (nodes < (depth == 1 ? 1 : 2))
        return -EBADMSG;
    for (unsigned i = 0; i < nodes && error == 0; i++) {
        uint16_t at;
        memcpy(&at, page + PAGE_HEAD + 2 * i, sizeof(at));
        if (at < head.upper || at % 2 != 0 || (size_t)at + NODE_HEAD > c->page_size)
            return -EBADMSG;
        error = depth == 1 ? check_leaf_node(c, number, page + at, at, c->page_size - at)
                           : check_branch_node(c, page + at, c->page_size - at, depth);
    }
    return error;
}

static int check_tree(struct checker *c, const struct tree *tree, bool of_free)
{
    c->of_free = of_free;
    if (tree->flags != (of_free ? FREE_TREE_FLAGS : 0))
        return -EBADMSG;
    if (tree->root == NO_PAGE)
        return tree->depth == 0 ? 0 : -EBADMSG;
    if (tree->depth < 1 || tree->depth > DEPTH_MAX)
        return -EBADMSG;
    for (unsigned i = 0; i < tree->depth; i++)
        if (!c->pages[i] && !(c->pages[i] = malloc(c->page_size)))
            return -ENOMEM;
    return check_page(c, tree->root, tree->depth);
}

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

static int check_trees(int fd, const struct meta *meta)
{
    struct checker c = {.fd = fd, .page_size = meta->trees[0].page_size, .n_pages = meta->last_page + 1};
    int error;

    c.seen = calloc(c.n_pages / 8 + 1, 1);
    error = c.seen ? check_tree(&c, &meta->trees[1], false) : -ENOMEM;
    if (error == 0)
        error = check_tree(&c, &meta->trees[0], true);
    for (unsigned i = 0; i < DEPTH_MAX; i++)
        free(c.pages[i]);
    free(c.seen);
    return error;
}

int lmdb_check(int fd)
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
    return check_trees(fd, newer);
}
