/* What the loaders of the two BPF objects share. */
#ifndef STORMFUSE_OBJECTS_H
#define STORMFUSE_OBJECTS_H

#include "CProbe.h"

struct bpf_object;
struct bpf_map;
struct bpf_program;

/* From now on, what libbpf and the verifier say to this thread is kept in `text`, the end of it as far as it fits; null
 * ends that. */
void objects_listen(char *_Nullable text, size_t bytes);
/* Null with errno set on failure. */
struct bpf_object *_Nullable objects_open(const void *_Nonnull object, size_t bytes, const char *_Nonnull name);
/* The map that holds a section, `.bss` or `.rodata`: libbpf puts part of the object's name before it. */
struct bpf_map *_Nullable objects_section(const struct bpf_object *_Nonnull object, const char *_Nonnull section);
/* Of each program with a variant for PID namespaces (its name with "_ns") chooses one: `translates` that one, else the plain
 * one. The other is not loaded. */
void objects_choose(struct bpf_object *_Nonnull object, bool translates);
/* The chosen variant of a program; null if there is no program with that name. */
struct bpf_program *_Nullable objects_program(const struct bpf_object *_Nonnull object, const char *_Nonnull name);
/* Fills all but the lease. */
int objects_map_holds(const struct bpf_object *_Nonnull object, struct cprobe_holding *_Nonnull holding);
void objects_unmap_holds(struct cprobe_holding *_Nonnull holding);

#endif
