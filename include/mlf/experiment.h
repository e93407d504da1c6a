/* SPDX-License-Identifier: Apache-2.0 */
/* Experiments. Every call here reads or writes the store at once, after what this process has logged is in
 * it; any thread. With MLF_OFF=1 those that write do nothing and return MLF_OK, those that read return
 * MLF_ERR_OFF. NULL arguments are MLF_ERR_INVAL; an id or name that the store does not know is
 * MLF_ERR_NOT_FOUND and the text says which there are. */
#ifndef MLF_EXPERIMENT_H
#define MLF_EXPERIMENT_H

#include <mlf/records.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    MLF_ID_MAX = 40
}; /**< bytes of an experiment's, run's or model's id with its NUL, at most */

/** Options of mlf_create_experiment(). */
typedef struct mlf_experiment_options {
    size_t size;                   /**< of this struct, by MLF_EXPERIMENT_OPTIONS_INIT */
    const char *artifact_location; /**< a folder or file: URI; NULL: the store's default */
    const mlf_key_value *tags;
    size_t n_tags;
} mlf_experiment_options;
#define MLF_EXPERIMENT_OPTIONS_INIT                                                                \
    {                                                                                              \
        sizeof(mlf_experiment_options), NULL, NULL, 0                                              \
    }

/** Creates an experiment; |options| may be NULL. MLF_ERR_EXISTS when one of that name is there, also a deleted
 *  one; MLF_ERR_INVAL for a name, location or tag that MLflow refuses. */
MLF_API mlf_status mlf_create_experiment(const char *name, const mlf_experiment_options *options,
                                         char experiment_id[MLF_ID_MAX]);

/** An experiment by its id, active or deleted. */
MLF_API mlf_status mlf_get_experiment(const char *experiment_id, mlf_experiment *out);
/** The same by its name. */
MLF_API mlf_status mlf_get_experiment_by_name(const char *name, mlf_experiment *out);

/** A page of experiments, the latest updated first. |options| NULL: all that are active. */
MLF_API mlf_status mlf_search_experiments(const mlf_search_options *options,
                                          mlf_experiment_list *out);

/** Gives an active experiment another name. MLF_ERR_EXISTS when there is one of that name. */
MLF_API mlf_status mlf_rename_experiment(const char *experiment_id, const char *new_name);

/** Sets a tag of the active experiment, which is created when absent. At most 20000 characters:
 *  MLF_ERR_INVAL for more. */
MLF_API mlf_status mlf_set_experiment_tag(const char *key, const char *value);
/** The same of any experiment. */
MLF_API mlf_status mlf_experiment_set_tag(const char *experiment_id, const char *key,
                                          const char *value);
/** Deletes a tag of any experiment. */
MLF_API mlf_status mlf_experiment_delete_tag(const char *experiment_id, const char *key);

/** Marks an active experiment and all its runs as deleted. MLF_ERR_NOT_FOUND when it is not active. */
MLF_API mlf_status mlf_delete_experiment(const char *experiment_id);
/** Brings a deleted experiment and all its runs back. MLF_ERR_NOT_FOUND when it is not deleted. */
MLF_API mlf_status mlf_restore_experiment(const char *experiment_id);

#ifdef __cplusplus
}
#endif

#endif
