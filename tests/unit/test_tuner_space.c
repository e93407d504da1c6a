/* SPDX-License-Identifier: Apache-2.0 */
/* Distributions: ranges and the column transform against what Optuna makes of them, text and JSON, and what is refused. */
#include "tuner/space.h"

#include "core/mem.h"

#include "../support/tap.h"
#include "../support/tuner_data.h"

static bool is_true(const cJSON *object, const char *key)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, key));
}

static void ranges(const cJSON *cases)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, cases)
    {
        cJSON *json = cJSON_Duplicate(item, true);
        cJSON_AddStringToObject(json, "type", tuner_data_text(item, "kind"));
        char *text = cJSON_PrintUnformatted(item);
        struct mlf__dist dist;
        mlf_status status = mlf__dist_from_json(json, "p", &dist);
        if (is_true(item, "error"))
            OK(status == MLF_ERR_INVAL, "refused: %s", text);
        else
            OK(status == MLF_OK && dist.high == tuner_data_get(item, "out_high") &&
                   mlf__dist_is_single(&dist) == is_true(item, "single"),
               "as Optuna: %s (high %.17g)", text, dist.high);
        mlf__dist_free(&dist);
        cJSON_free(text);
        cJSON_Delete(json);
    }
}

static bool is_close(double a, double b)
{
    return fabs(a - b) <= 1e-12 * fmax(1, fabs(b));
}

static void maps(const cJSON *cases)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, cases)
    {
        const cJSON *u = cJSON_GetObjectItem(item, "u"),
                    *values = cJSON_GetObjectItem(item, "value");
        struct mlf__dist dist;
        double low, high;
        mlf_status status = mlf__dist_from_json(cJSON_GetObjectItem(item, "dist"), "p", &dist);
        mlf__dist_column(&dist, &low, &high);
        int wrong = status != MLF_OK || !is_close(low, tuner_data_get(item, "lo")) ||
                    !is_close(high, tuner_data_get(item, "hi"));
        for (int i = 0; i < cJSON_GetArraySize(u); i++) {
            double value = mlf__dist_from_unit(&dist, cJSON_GetArrayItem(u, i)->valuedouble);
            wrong += !is_close(value, cJSON_GetArrayItem(values, i)->valuedouble) ||
                     !mlf__dist_contains(&dist, value);
        }
        char *text = cJSON_PrintUnformatted(cJSON_GetObjectItem(item, "dist"));
        OK(wrong == 0, "the column of %s and its values are Optuna's", text);
        cJSON_free(text);
        mlf__dist_free(&dist);
    }
}

static double adjusted(double low, double high, double step)
{
    struct mlf__dist dist;
    return mlf__dist_float("p", low, high, step, false, &dist) == MLF_OK ? dist.high : NAN;
}

static void decimals(void)
{
    OK(adjusted(0.1, 0.7, 0.2) == 0.7, "0.7 is three steps of 0.2 from 0.1");
    OK(adjusted(0, 1e-5, 1e-6) == 1e-5, "a range in small exponents is exact");
    OK(adjusted(1e-3, 1000, 1e-3) == 1000, "a million steps are exact");
    OK(adjusted(-0.3, 0.35, 0.1) == 0.3, "a negative low end is exact");
    OK(adjusted(1e-20, 1e18, 1e3) == 1e18, "a range that no decimal holds keeps its end");
    OK(adjusted(0.11424561488574601, 0.894245614885746, 0.26) == 0.634245614885746,
       "the end is the last step that is not above it in decimal, not in binary");
}

static void bad_ranges(void)
{
    static const struct {
        double low, high, step;
        bool log;
        const char *why;
    } BAD[] = {
        {1, 0, 0, false, "low 1 is above high 0"},
        {NAN, 1, 0, false, "is not finite"},
        {0, INFINITY, 0, false, "is not finite"},
        {-1.7e308, 1.7e308, 0, false, "is not finite"},
        {0, 1, -0.1, false, "step -0.1 is not positive"},
        {0, 1, NAN, false, "is not positive"},
        {0, 1, 0, true, "low 0 of a logarithmic scale"},
        {1, 2, 0.5, true, "a logarithmic scale has no step"},
        {1.00000001, 1, 0, false, "low 1.00000001 is above high 1"},
        {0, 1e300, 1e-300, false, "0 to 1e+300 has over 2^53 steps of 1e-300"},
    };
    struct mlf__dist dist;
    for (size_t i = 0; i < MLF__ARRAY_LEN(BAD); i++) {
        mlf_status status =
            mlf__dist_float("lr", BAD[i].low, BAD[i].high, BAD[i].step, BAD[i].log, &dist);
        OK(status == MLF_ERR_INVAL && strncmp(mlf__errmsg(), "lr: ", 4) == 0 &&
               strstr(mlf__errmsg(), BAD[i].why) != NULL,
           "a float range is refused: %s", mlf__errmsg());
    }
    const int64_t limit = INT64_C(1) << 53;
    OK(mlf__dist_int("n", -limit, limit, 1, false, &dist) == MLF_OK, "2^53 is an end of a range");
    OK(mlf__dist_int("n", 0, limit + 1, 1, false, &dist) == MLF_ERR_INVAL, "2^53 + 1 is none");
    OK(mlf__dist_int("n", INT64_MIN, INT64_MAX, 1, false, &dist) == MLF_ERR_INVAL,
       "neither are the ends of int64");
    OK(mlf__dist_int("n", 0, 4, 0, false, &dist) == MLF_ERR_INVAL,
       "an integer step of 0 is refused");
    OK(mlf__dist_int("n", 0, 10, 1, true, &dist) == MLF_ERR_INVAL, "0 on a log scale is refused");
    OK(mlf__dist_int("n", 1, 10, 2, true, &dist) == MLF_ERR_INVAL, "a log step of 2 is refused");
    OK(mlf__dist_int("n", 0, 4, INT64_MAX, false, &dist) == MLF_OK && mlf__dist_is_single(&dist) &&
           mlf__dist_count(&dist) == 1,
       "a step longer than the range leaves one value");
}

static const char *const COLOURS[] = {"red", "green", "blue"};

static void choices(void)
{
    static const char *const TWICE[] = {"a", "b", "a"}, *const HOLE[] = {"a", NULL};
    struct mlf__dist dist, copy, other;
    OK(mlf__dist_categorical("c", COLOURS, 0, &dist) == MLF_ERR_INVAL, "no choice is refused");
    OK(mlf__dist_categorical("c", TWICE, 3, &dist) == MLF_ERR_INVAL &&
           strstr(mlf__errmsg(), "\"a\" is there twice") != NULL,
       "a choice that is there twice is refused");
    OK(mlf__dist_categorical("c", HOLE, 2, &dist) == MLF_ERR_INVAL, "a NULL choice is refused");
    OK(mlf__dist_categorical("c", COLOURS, 3, &dist) == MLF_OK, "three choices are taken");
    IS(mlf__dist_count(&dist), 3, "they are three");
    OK(mlf__dist_copy(&dist, &copy) == MLF_OK && mlf__dist_equal(&dist, &copy),
       "a copy equals the first");
    OK(mlf__dist_categorical("c", COLOURS, 2, &other) == MLF_OK &&
           !mlf__dist_compatible(&dist, &other),
       "fewer choices do not go with more");
    OK(mlf__dist_contains(&dist, 2) && !mlf__dist_contains(&dist, 3) &&
           !mlf__dist_contains(&dist, 0.5) && !mlf__dist_contains(&dist, NAN),
       "a choice is a whole index");
    int seen[3] = {0};
    for (int i = 0; i < 300; i++)
        seen[(size_t)mlf__dist_from_unit(&dist, i / 300.0)]++;
    OK(seen[0] == 100 && seen[1] == 100 && seen[2] == 100, "choices share the unit evenly");
    char number[MLF__NUMBER_SIZE];
    double value;
    STR(mlf__dist_format(&dist, 1, number), "green", "a choice is written as its text");
    OK(mlf__dist_parse(&dist, "c", "blue", &value) == MLF_OK && value == 2, "and read back");
    OK(mlf__dist_parse(&dist, "c", "pink", &value) == MLF_ERR_INVAL && isnan(value),
       "another text is refused");
    mlf__dist_free(&dist);
    mlf__dist_free(&copy);
    mlf__dist_free(&other);
}

static void texts(void)
{
    struct mlf__dist real, whole, log;
    char number[MLF__NUMBER_SIZE];
    double value;
    mlf__dist_float("x", 0, 1, 0, false, &real);
    mlf__dist_float("x", 1e-5, 1, 0, true, &log);
    mlf__dist_int("n", 0, 9, 3, false, &whole);
    STR(mlf__dist_format(&real, 0.1, number), "0.1", "a number is written as short as it can be");
    STR(mlf__dist_format(&whole, 6, number), "6", "an integer is written as one");
    OK(mlf__dist_parse(&real, "x", "7.5", &value) == MLF_OK && value == 7.5,
       "a number outside the range is read");
    OK(mlf__dist_parse(&whole, "n", "7", &value) == MLF_OK && value == 7,
       "so is an integer between the steps");
    OK(mlf__dist_parse(&whole, "n", "7.5", &value) == MLF_ERR_INVAL, "7.5 is no integer");
    OK(mlf__dist_parse(&real, "x", "nan", &value) == MLF_ERR_INVAL, "nan is no value");
    OK(mlf__dist_parse(&real, "x", "1 ", &value) == MLF_ERR_INVAL, "a number is the whole text");
    OK(mlf__dist_parse(&log, "x", "0", &value) == MLF_ERR_INVAL, "0 has no logarithm");
    OK(mlf__dist_contains(&whole, 6) && !mlf__dist_contains(&whole, 7), "7 is between the steps");
    OK(!mlf__dist_compatible(&real, &log) && !mlf__dist_compatible(&real, &whole),
       "another scale or kind does not go with the first");
    IS(mlf__dist_count(&real), 0, "a continuous range has no count");
    IS(mlf__dist_count(&whole), 4, "0, 3, 6 and 9 are four");
}

static void json_round_trip(void)
{
    struct mlf__dist dists[5], back;
    mlf__dist_float("x", 1e-5, 1, 0, true, &dists[0]);
    mlf__dist_float("x", 0, 1, 0.1, false, &dists[1]);
    mlf__dist_int("x", -3, 9, 3, false, &dists[2]);
    mlf__dist_categorical("x", COLOURS, 3, &dists[3]);
    /* Its end is a step in 17 digits, cut: adjusted once more it would lose one. */
    mlf__dist_float("x", 0.11424561488574601, 0.9, 0.26, false, &dists[4]);
    int wrong = 0;
    for (size_t i = 0; i < MLF__ARRAY_LEN(dists); i++) {
        cJSON *json = mlf__dist_to_json(&dists[i]);
        wrong +=
            mlf__dist_from_json(json, "x", &back) != MLF_OK || !mlf__dist_equal(&dists[i], &back);
        cJSON_Delete(json);
        mlf__dist_free(&back);
        mlf__dist_free(&dists[i]);
    }
    IS(wrong, 0, "each kind is read back from its JSON");
}

static void bad_json(void)
{
    static const char *const BAD[] = {"[]",
                                      "3",
                                      "{}",
                                      "{\"type\": \"float\"}",
                                      "{\"type\": 3, \"low\": 0, \"high\": 1}",
                                      "{\"type\": \"float\", \"low\": \"0\", \"high\": 1}",
                                      "{\"type\": \"int\", \"low\": 0.5, \"high\": 1}",
                                      "{\"type\": \"int\", \"low\": 0, \"high\": 1e300}",
                                      "{\"type\": \"categorical\", \"choices\": \"a\"}",
                                      "{\"type\": \"categorical\", \"choices\": []}",
                                      "{\"type\": \"categorical\", \"choices\": [[1]]}",
                                      "{\"type\": \"normal\", \"low\": 0, \"high\": 1}",
                                      "{\"name\": \"FloatDistribution\", \"attributes\": 3}"};
    for (size_t i = 0; i < MLF__ARRAY_LEN(BAD); i++) {
        cJSON *json = cJSON_Parse(BAD[i]);
        struct mlf__dist dist;
        OK(mlf__dist_from_json(json, "x", &dist) == MLF_ERR_INVAL, "refused: %s", BAD[i]);
        cJSON_Delete(json);
    }
    cJSON *json = cJSON_Parse("{\"type\": \"categorical\", \"choices\": [null, true, 3, \"a\"]}");
    struct mlf__dist dist;
    OK(mlf__dist_from_json(json, "x", &dist) == MLF_OK && strcmp(dist.choices[0], "None") == 0 &&
           strcmp(dist.choices[1], "True") == 0 && strcmp(dist.choices[2], "3") == 0,
       "choices that are no texts become what Python writes");
    mlf__dist_free(&dist);
    cJSON_Delete(json);
}

int main(void)
{
    cJSON *data = tuner_data_read(__FILE__, "space.json");
    ranges(cJSON_GetObjectItem(data, "ranges"));
    maps(cJSON_GetObjectItem(data, "random_map"));
    cJSON_Delete(data);
    decimals();
    bad_ranges();
    choices();
    texts();
    json_round_trip();
    bad_json();
    return tap_done();
}
