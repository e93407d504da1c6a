/* SPDX-License-Identifier: Apache-2.0 */
/* MLflow tracking and autologging for programs in C: everything but the tuner. */
#ifndef MLF_MLF_H
#define MLF_MLF_H

#include <mlf/artifact.h>
#include <mlf/autolog.h>
#include <mlf/callback.h>
#include <mlf/experiment.h>
#include <mlf/input.h>
#include <mlf/metric.h>
#include <mlf/model.h>
#include <mlf/param.h>
#include <mlf/records.h>
#include <mlf/run.h>
#include <mlf/status.h>
#include <mlf/tag.h>
#include <mlf/tracking.h>

#endif
