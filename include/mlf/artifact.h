/* SPDX-License-Identifier: Apache-2.0 */
/* Artifacts: files that belong to a run.
 *
 * |artifact_file| is a path inside the run's artifacts, "plots/loss.json"; never absolute, no "..". The calls that
 * log do not wait for the store: any thread. */
#ifndef MLF_ARTIFACT_H
#define MLF_ARTIFACT_H

#include <mlf/run.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Logs a file or directory into |folder| of the run's artifacts (NULL or "": the root). It is copied
 *  soon, by the collector: keep it until mlf_flush(). MLF_ERR_NOT_FOUND when it is not there now. */
MLF_API mlf_status mlf_log_artifact(const char *path, const char *folder);

/** Logs |text| as a file. Copied. */
MLF_API mlf_status mlf_log_text(const char *text, const char *artifact_file);
/** The same for JSON. MLF_ERR_INVAL, with the place, for a text that is none. */
MLF_API mlf_status mlf_log_json(const char *json, const char *artifact_file);

/** A table: |n_rows| × |n_columns| cells, row by row. A cell is written as a number when |is_number| of its
 *  column is set (NULL cell: null). */
typedef struct mlf_table {
    size_t size; /**< of this struct, by MLF_TABLE_INIT */
    const char *const *columns;
    const bool *is_number; /**< one per column; NULL: all are texts */
    size_t n_columns;
    const char *const *cells;
    size_t n_rows;
} mlf_table;
#define MLF_TABLE_INIT                                                                             \
    {                                                                                              \
        sizeof(mlf_table), NULL, NULL, 0, NULL, 0                                                  \
    }

/** Logs a table as |artifact_file| (".json"), in the form of MLflow's log_table, for its table view; rows are
 *  appended to a table of that name that the run has. MLF_ERR_INVAL for a number that is none. */
MLF_API mlf_status mlf_log_table(const mlf_table *table, const char *artifact_file);

/** An image: |height| rows of |width| pixels of |channels| (1 grey, 2 grey and alpha, 3 RGB, 4 RGBA) bytes. */
typedef struct mlf_image {
    size_t size; /**< of this struct, by MLF_IMAGE_INIT */
    const unsigned char *pixels;
    uint32_t width, height, channels;
} mlf_image;
#define MLF_IMAGE_INIT                                                                             \
    {                                                                                              \
        sizeof(mlf_image), NULL, 0, 0, 0                                                           \
    }

/** Logs an image as a PNG file. MLF_ERR_UNSUPPORTED in a build without libpng. */
MLF_API mlf_status mlf_log_image(const mlf_image *image, const char *artifact_file);

/** mlf_log_artifact() into |run|. */
MLF_API mlf_status mlf_run_log_artifact(mlf_run *run, const char *path, const char *folder);
/** mlf_log_text() into |run|. */
MLF_API mlf_status mlf_run_log_text(mlf_run *run, const char *text, const char *artifact_file);
/** mlf_log_json() into |run|. */
MLF_API mlf_status mlf_run_log_json(mlf_run *run, const char *json, const char *artifact_file);
/** mlf_log_table() into |run|. */
MLF_API mlf_status mlf_run_log_table(mlf_run *run, const mlf_table *table,
                                     const char *artifact_file);
/** mlf_log_image() into |run|. */
MLF_API mlf_status mlf_run_log_image(mlf_run *run, const mlf_image *image,
                                     const char *artifact_file);

/* ---- of the store: after what this process has logged is in it ---- */

/** A file or folder of a run or model. */
typedef struct mlf_file_info {
    char *path; /**< relative to the root of the artifacts */
    bool is_dir;
    int64_t file_size; /**< -1 for a folder */
} mlf_file_info;
typedef struct mlf_file_list {
    mlf_file_info *files; /**< by path */
    size_t n_files;
} mlf_file_list;
/** Frees the members; NULL is fine. */
MLF_API void mlf_file_list_free(mlf_file_list *list);

/** What lies in folder |path| (NULL or "": the root) of "runs:/<id>", "runs:/<id>/<folder>" or
 *  "models:/<model id>". A folder that there is not is an empty list, as in MLflow. */
MLF_API mlf_status mlf_list_artifacts(const char *artifact_uri, const char *path,
                                      mlf_file_list *out);

/** Copies the file or folder that |artifact_uri| names into the existing directory |destination|; |*local_path|, the
 *  place of the copy, is freed with free(). With |destination| NULL nothing is copied: the place where it
 *  lies already. */
MLF_API mlf_status mlf_download_artifacts(const char *artifact_uri, const char *destination,
                                          char **local_path);

/** Where the active run's file or folder |artifact_path| (NULL: the root) is or will be; freed with free(). */
MLF_API mlf_status mlf_get_artifact_uri(const char *artifact_path, char **uri);

#ifdef __cplusplus
}
#endif

#endif
