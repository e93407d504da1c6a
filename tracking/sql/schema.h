/* SPDX-License-Identifier: Apache-2.0 */
/* MLflow's tables: what we create, and what an existing database has. */
#ifndef MLF_TRACKING_SQL_SCHEMA_H
#define MLF_TRACKING_SQL_SCHEMA_H

#include "tracking/sql/sql.h"

/* The head of MLflow 3.1, which every later version migrates by itself. */
#define MLF__SCHEMA_HEAD "bda7b8c39065"

/* The statements that create the tables of that head, parents first; NULL-terminated. */
extern const char *const mlf__schema_statements[];

/* What differs between the schemas that can be used. */
struct mlf__schema {
    char revision[40];    /* of alembic, for messages */
    bool workspaces;      /* experiments belong to a workspace */
    bool datasets;        /* datasets, inputs, input_tags are there */
    bool logged_models;   /* logged_models and its tables are there */
    bool input_steps;     /* inputs.step is there: output links of models */
    bool writable;        /* has everything that is written, and nothing else that must be */
    char obstacle[160];   /* why it is not writable: "table x is missing", "column x.y …" */
    bool obstacle_is_new; /* the obstacle is something unknown, not something missing */
};

/* Finds out what the database has. MLF_ERR_SCHEMA when it is no MLflow database or too old even
 * to be read; a schema that can only be read is a success. */
mlf_status mlf__schema_detect(struct mlf__sql *db, struct mlf__schema *out);

/* MLF_ERR_SCHEMA with the reason and the way out, when |schema| is not writable. */
mlf_status mlf__schema_require_writable(const struct mlf__sql *db, const struct mlf__schema *schema,
                                        const char *uri);

#endif
