/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs: the data sets that a run has used. Nothing waits for the store. Any thread. Copied. */
#ifndef MLF_INPUT_H
#define MLF_INPUT_H

#include <mlf/run.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A data set. */
typedef struct mlf_dataset {
    size_t size;             /**< of this struct, by MLF_DATASET_INIT */
    const char *name;        /**< at most 500 characters; NULL: the file's name */
    const char *source;      /**< path of a file, or JSON text that |source_type| explains */
    const char *source_type; /**< NULL: "local", |source| is a path */
    const char
        *digest; /**< at most 36 characters; NULL: of the file's content, made by the collector */
    const char
        *schema; /**< JSON text of MLflow's schema, e.g. {"mlflow_colspec":[…]}; NULL: not said */
    const char
        *profile; /**< JSON text, e.g. {"num_rows":150}; NULL: of a file its size and digest */
    const char *context; /**< "training", "eval" …; NULL: not said */
} mlf_dataset;
#define MLF_DATASET_INIT                                                                           \
    {                                                                                              \
        sizeof(mlf_dataset), NULL, NULL, NULL, NULL, NULL, NULL, NULL                              \
    }

/** Links a data set to the run. The same one again (name and digest) changes nothing. MLF_ERR_INVAL for a text that
 *  is no JSON where JSON is asked for, one that is too long, or no digest where there is no file;
 *  MLF_ERR_NOT_FOUND for a file that is not there now. */
MLF_API mlf_status mlf_log_input(const mlf_dataset *dataset);
/** mlf_log_input() into |run|. */
MLF_API mlf_status mlf_run_log_input(mlf_run *run, const mlf_dataset *dataset);

#ifdef __cplusplus
}
#endif

#endif
