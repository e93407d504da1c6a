/* SPDX-License-Identifier: Apache-2.0 */
/* Tags of runs: texts that may change. Nothing waits for the store. Any thread. Copied. */
#ifndef MLF_TAG_H
#define MLF_TAG_H

#include <mlf/run.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Sets a tag; a later value replaces it. Values are cut at 8000 characters. MLF_ERR_INVAL for a key that
 *  MLflow refuses. */
MLF_API mlf_status mlf_set_tag(const char *key, const char *value);
/** Several at once; all are checked first. */
MLF_API mlf_status mlf_set_tags(const mlf_key_value *tags, size_t n);
/** Deletes a tag. One that the run does not have is reported by mlf_flush(). */
MLF_API mlf_status mlf_delete_tag(const char *key);

/** mlf_set_tag() of |run|. */
MLF_API mlf_status mlf_run_set_tag(mlf_run *run, const char *key, const char *value);
/** mlf_set_tags() of |run|. */
MLF_API mlf_status mlf_run_set_tags(mlf_run *run, const mlf_key_value *tags, size_t n);
/** mlf_delete_tag() of |run|. */
MLF_API mlf_status mlf_run_delete_tag(mlf_run *run, const char *key);

#ifdef __cplusplus
}
#endif

#endif
