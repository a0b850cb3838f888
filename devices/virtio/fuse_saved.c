// SPDX-License-Identifier: Apache-2.0
/*
 * The nodes of a share in a snapshot, with the driver's numbers for them, and without descriptors: a restored server
 * opens each again by its name when it is needed, and compares it with the object that was found, as it does whenever
 * it had closed a descriptor. So what changed on the host in between costs the nodes concerned and no others: another
 * object is ESTALE, a file with another size or time is not the one that the driver has pages of (@version).
 *
 * A restored state is no more trusted than a driver: names lead nowhere but down, and the parents of every node end
 * with the root.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "devices/virtio/fuse_fds.h"
#include "devices/virtio/fuse_internal.h"
#include "vmm/base/assert.h"
#include "vmm/base/util.h"

/** struct saved_nodes - @nr nodes follow, the root among them; @generation: of the latest one */
struct saved_nodes {
	uint32_t nr;
	uint32_t generation;
};

static const struct state_field nodes_fields[] = {
	STATE_UP_TO(struct saved_nodes, nr, FUSE_SAVED_MAX + 1),
	STATE_FIELD(struct saved_nodes, generation),
};
STATE_TABLE(nodes_state, "share", nodes_fields);

/** struct saved_node - as struct fuse_node; a name of @name_len bytes follows, none that of the root */
struct saved_node {
	uint64_t ino, dev, lookups, version;
	uint32_t place, parent, generation, opens;
	uint8_t type, named, name_len;
};

static const struct state_field node_fields[] = {
	STATE_FIELD(struct saved_node, ino),
	STATE_FIELD(struct saved_node, dev),
	STATE_UP_TO(struct saved_node, lookups, INT64_MAX),
	STATE_FIELD(struct saved_node, version),
	STATE_FIELD(struct saved_node, place),
	STATE_FIELD(struct saved_node, parent),
	STATE_FIELD(struct saved_node, generation),
	STATE_UP_TO(struct saved_node, opens, INT32_MAX),
	STATE_UP_TO(struct saved_node, type, 15),
	STATE_BOOL(struct saved_node, named),
	STATE_FIELD(struct saved_node, name_len),
};
STATE_TABLE(node_state, "share-node", node_fields);

#define NAME_STATE(len) STATE_BYTES("share-name", len)

_Static_assert(FUSE_NAME_MAX == UINT8_MAX, "the length of a name is a byte");

size_t fuse_saved_room(void)
{
	return state_size(&nodes_state) +
		(FUSE_SAVED_MAX + 1) * (state_size(&node_state) + state_size(NAME_STATE(FUSE_NAME_MAX)));
}

const char *fuse_unsaved(const struct fuse *f)
{
	if (f->nodes.live <= f->max_saved)
		return NULL;
	return "its driver knows more than " FUSE_SAVED_MAX_TEXT " files (echo 2 >/proc/sys/vm/drop_caches in the "
	       "guest makes it forget them)";
}

static void put_node(const struct fuse_nodes *t, uint32_t place, uint32_t number, struct state_writer *w)
{
	const struct fuse_node *n = &t->nodes[place];
	const struct saved_node s = {
		.ino = n->ino,
		.dev = n->dev,
		.lookups = MIN(n->lookups, (uint64_t)INT64_MAX),
		.version = n->version,
		.place = place,
		.parent = n->parent,
		.generation = n->generation,
		.opens = MIN(n->opens, (uint32_t)INT32_MAX),
		.type = n->type,
		.named = n->named,
		.name_len = n->name_len,
	};

	state_put(w, &node_state, number, &s);
	if (place != FUSE_ROOT_NODE)
		state_put(w, NAME_STATE(n->name_len), number, fuse_node_name(t, n));
}

/* A server that is to forget all is saved as if it had done so. */
static struct saved_node new_root(const struct fuse_nodes *t)
{
	const struct fuse_node *n = &t->nodes[FUSE_ROOT_NODE];

	return (struct saved_node){.ino = n->ino, .dev = n->dev, .place = FUSE_ROOT_NODE, .type = n->type};
}

void fuse_save(const struct fuse *f, bool as_new, uint32_t index, struct state_writer *w)
{
	const struct fuse_nodes *t = &f->nodes;
	const struct saved_nodes s = {.nr = 1 + (as_new ? 0 : t->live), .generation = t->generation};
	const struct saved_node root = new_root(t);
	uint32_t number = 0;

	state_put(w, &nodes_state, index, &s);
	if (as_new)
		state_put(w, &node_state, 0, &root);
	for (uint32_t i = FUSE_ROOT_NODE; i < t->used && !as_new; i++)
		if (t->nodes[i].type)
			put_node(t, i, number++, w);
}

/* --- And back ------------------------------------------------------------------------------------------------- */

static const char *restore_root(struct fuse_nodes *t, const struct saved_node *s)
{
	struct fuse_node *root = &t->nodes[FUSE_ROOT_NODE];

	if (s->place != FUSE_ROOT_NODE || s->name_len || s->named)
		return "it does not begin with the root";
	if (s->ino != root->ino || s->dev != root->dev || s->type != root->type)
		return "its directory is another one than that of the snapshot";
	root->lookups = s->lookups;
	root->version = s->version;
	root->opens = s->opens;
	root->checked = true;
	return NULL;
}

/* Its parent may come later: link_up() looks at that. */
static const char *restore_node(struct fuse_nodes *t, const struct saved_node *s, const char *name)
{
	struct fuse_node *n;

	if (s->place <= FUSE_ROOT_NODE || s->place >= t->nr_nodes)
		return "a node that there is no room for";
	n = &t->nodes[s->place];
	if (n->type || !s->type)
		return "a node without a type, or twice the same one";
	if (!fuse_name_ok(name, s->name_len))
		return "a name that no file has";
	if (s->opens && s->type != S_IFDIR >> 12 && s->type != S_IFREG >> 12)
		return "an open file of a type that nobody can open";
	*n = (struct fuse_node){
		.ino = s->ino,
		.dev = s->dev,
		.lookups = s->lookups,
		.version = s->version,
		.parent = s->parent,
		.generation = s->generation,
		.opens = s->opens,
		.fd = -1,
		.type = s->type,
	};
	return fuse_node_restore(t, n, name, s->name_len, s->named);
}

static int get_node(struct fuse_nodes *t, uint32_t number, struct state_reader *r, struct err *e)
{
	char name[FUSE_NAME_MAX + 1] = "";
	struct saved_node s = {0};
	const char *rule;
	int ret = state_get(r, &node_state, number, &s, e);

	if (ret == 0 && number)
		ret = state_get(r, NAME_STATE(s.name_len), number, name, e);
	if (ret < 0)
		return ret;
	rule = number ? restore_node(t, &s, name) : restore_root(t, &s);
	return rule ? state_refuse(e, &node_state, number, rule) : 0;
}

/* Whether the node's parents lead to the root: those that do are marked, so that each is looked at twice at most. */
static bool leads_to_root(struct fuse_nodes *t, uint32_t i)
{
	uint32_t at = i, steps = 0;

	while (!t->nodes[at].checked && steps++ <= t->live)
		at = t->nodes[at].parent;
	if (!t->nodes[at].checked)
		return false;
	for (at = i; !t->nodes[at].checked; at = t->nodes[at].parent)
		t->nodes[at].checked = true;
	return true;
}

static const char *link_up(struct fuse_nodes *t)
{
	for (uint32_t i = FUSE_ROOT_NODE + 1; i < t->used; i++) {
		const struct fuse_node *n = &t->nodes[i];

		if (!n->type)
			continue;
		if (!n->parent || n->parent >= t->used || t->nodes[n->parent].type != S_IFDIR >> 12)
			return "a node outside of all directories";
		t->nodes[n->parent].children++;
	}
	for (uint32_t i = FUSE_ROOT_NODE + 1; i < t->used; i++) {
		const struct fuse_node *n = &t->nodes[i];

		if (n->type && !leads_to_root(t, i))
			return "directories that are in each other";
		if (n->type && !n->lookups && !n->children && !n->opens)
			return "a node that nobody holds";
	}
	return NULL;
}

int fuse_restore(struct fuse *f, uint32_t index, struct state_reader *r, struct err *e)
{
	struct fuse_nodes *t = &f->nodes;
	struct saved_nodes s = {0};
	const char *rule = NULL;
	int ret = state_get(r, &nodes_state, index, &s, e);

	fuse_reset(f);
	for (uint32_t i = 0; ret == 0 && i < s.nr; i++)
		ret = get_node(t, i, r, e);
	if (ret == 0)
		rule = s.nr ? link_up(t) : "it has no root";
	if (rule)
		ret = state_refuse(e, &nodes_state, index, rule);
	if (ret < 0) {
		fuse_reset(f);
		return ret;
	}
	t->generation = s.generation;
	fuse_nodes_collect(t);
	return 0;
}
