/* SPDX-License-Identifier: Apache-2.0 */
/* Pins functions to the versions that old C libraries have too.
 *
 * libmlf_core and libmlf_hooks are loaded into programs on whatever system these run. A library that
 * is built against glibc 2.34 or later imports pthread_*() and dl*() from libc.so.6 with versions
 * that no older system knows. The versions below have been there since x86-64 began; before 2.34 they
 * live in libpthread.so.0 and libdl.so.2, which is why both libraries name these as needed.
 *
 * Included by every source file of core/ and hooks/ that calls one of them (a line for a function
 * that the file does not call has no effect). Other architectures began later: their first version is
 * low enough. */
#ifndef MLF_CORE_COMPAT_GLIBC_H
#define MLF_CORE_COMPAT_GLIBC_H

#include <features.h>

#if defined(__x86_64__) && defined(__LP64__) && defined(__GLIBC__)

#define MLF__OLD_VERSION(name, version) __asm__(".symver " #name "," #name "@GLIBC_" version)

MLF__OLD_VERSION(fcntl, "2.2.5");

MLF__OLD_VERSION(dladdr, "2.2.5");
MLF__OLD_VERSION(dladdr1, "2.3.3");
MLF__OLD_VERSION(dlclose, "2.2.5");
MLF__OLD_VERSION(dlerror, "2.2.5");
MLF__OLD_VERSION(dlopen, "2.2.5");
MLF__OLD_VERSION(dlsym, "2.2.5");
MLF__OLD_VERSION(dlvsym, "2.2.5");

MLF__OLD_VERSION(pthread_attr_setstacksize, "2.2.5");
MLF__OLD_VERSION(pthread_cond_broadcast, "2.3.2");
MLF__OLD_VERSION(pthread_cond_destroy, "2.3.2");
MLF__OLD_VERSION(pthread_cond_init, "2.3.2");
MLF__OLD_VERSION(pthread_cond_signal, "2.3.2");
MLF__OLD_VERSION(pthread_cond_timedwait, "2.3.2");
MLF__OLD_VERSION(pthread_cond_wait, "2.3.2");
MLF__OLD_VERSION(pthread_condattr_setclock, "2.3.3");
MLF__OLD_VERSION(pthread_create, "2.2.5");
MLF__OLD_VERSION(pthread_detach, "2.2.5");
MLF__OLD_VERSION(pthread_getspecific, "2.2.5");
MLF__OLD_VERSION(pthread_join, "2.2.5");
MLF__OLD_VERSION(pthread_key_create, "2.2.5");
MLF__OLD_VERSION(pthread_key_delete, "2.2.5");
MLF__OLD_VERSION(pthread_kill, "2.2.5");
MLF__OLD_VERSION(pthread_mutex_trylock, "2.2.5");
MLF__OLD_VERSION(pthread_once, "2.2.5");
MLF__OLD_VERSION(pthread_rwlock_rdlock, "2.2.5");
MLF__OLD_VERSION(pthread_rwlock_unlock, "2.2.5");
MLF__OLD_VERSION(pthread_rwlock_wrlock, "2.2.5");
MLF__OLD_VERSION(pthread_setname_np, "2.12");
MLF__OLD_VERSION(pthread_setspecific, "2.2.5");
MLF__OLD_VERSION(pthread_sigmask, "2.2.5");

#endif

#endif
