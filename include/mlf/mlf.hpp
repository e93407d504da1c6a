// SPDX-License-Identifier: Apache-2.0
// mlf for C++17: runs that end with their scope, one log_param for every type, results that own their memory.
// Header only, over <mlf/mlf.h>; link with -lmlf. Every call of that header may be used beside this one.
//
// The rule for errors: nothing here throws but check(). What logs returns the mlf_status of the C call, which may be
// ignored: a training must not end because of its log. What reads returns its result, empty on failure, and
// gives the status through the last, optional argument. check() turns a status into an exception for those who want it.
#ifndef MLF_MLF_HPP
#define MLF_MLF_HPP

#include <mlf/mlf.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <initializer_list>
#include <map>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace mlf
{

using status = mlf_status;

/// A failure as an exception: its status, and in what() the text of mlf_errmsg().
class error : public std::runtime_error
{
  public:
    explicit error(mlf::status code) : std::runtime_error(text(code)), code_(code)
    {
    }
    mlf::status status() const noexcept
    {
        return code_;
    }

  private:
    static std::string text(mlf::status code)
    {
        const char *message = mlf_errmsg();
        return message[0] != '\0' ? message : mlf_strerror(code);
    }
    mlf::status code_;
};

/// Throws error unless |code| is MLF_OK. To be called at once: mlf::check(mlf::set_experiment("iris")).
inline void check(status code)
{
    if (code != MLF_OK)
        throw error(code);
}

/// A text that is borrowed for a call: a C string, which may be nullptr, or a std::string.
class text
{
  public:
    text(const char *value) noexcept : value_(value)
    {
    }
    text(const std::string &value) noexcept : value_(value.c_str())
    {
    }
    const char *c_str() const noexcept
    {
        return value_;
    }

  private:
    const char *value_;
};

/// A param's value of any arithmetic or text type, borrowed for a call. A float is written as the shortest decimal
/// that reads back as that float (0.1f is 0.1), a char as itself, an unsigned number in full.
class value
{
  public:
    value(const char *text) noexcept : kind_(kind::text), text_(text)
    {
    }
    value(const std::string &text) noexcept : kind_(kind::text), text_(text.c_str())
    {
    }
    template <typename T, std::enable_if_t<std::is_arithmetic_v<T>, int> = 0>
    value(T number) noexcept
    {
        if constexpr (std::is_same_v<T, bool>) {
            kind_ = kind::boolean;
            integer_ = number;
        } else if constexpr (std::is_same_v<T, char>) {
            own_[0] = number;
        } else if constexpr (std::is_same_v<T, float>) {
            kind_ = kind::real;
            real_ = nearest_double(number);
        } else if constexpr (std::is_floating_point_v<T>) {
            kind_ = kind::real;
            real_ = static_cast<double>(number);
        } else if constexpr (std::is_unsigned_v<T>) {
            std::snprintf(own_, sizeof(own_), "%llu", static_cast<unsigned long long>(number));
        } else {
            kind_ = kind::integer;
            integer_ = static_cast<std::int64_t>(number);
        }
    }

    status log(mlf_run *run, const char *key) const noexcept
    {
        switch (kind_) {
        case kind::boolean:
            return run ? mlf_run_log_param_bool(run, key, integer_ != 0)
                       : mlf_log_param_bool(key, integer_ != 0);
        case kind::integer:
            return run ? mlf_run_log_param_int(run, key, integer_)
                       : mlf_log_param_int(key, integer_);
        case kind::real:
            return run ? mlf_run_log_param_double(run, key, real_)
                       : mlf_log_param_double(key, real_);
        case kind::text:
            return log_text(run, key, text_);
        case kind::own_text:
            break;
        }
        return log_text(run, key, own_);
    }

  private:
    enum class kind { boolean, integer, real, text, own_text };

    static double nearest_double(float number) noexcept
    {
        char digits[32];
        for (int precision = 1; precision <= 9; precision++) {
            std::snprintf(digits, sizeof(digits), "%.*g", precision, static_cast<double>(number));
            if (std::strtof(digits, nullptr) == number)
                return std::strtod(digits, nullptr);
        }
        return static_cast<double>(number); // not a number
    }
    static status log_text(mlf_run *run, const char *key, const char *text) noexcept
    {
        return run ? mlf_run_log_param(run, key, text) : mlf_log_param(key, text);
    }

    kind kind_ = kind::own_text;
    const char *text_ = nullptr;
    std::int64_t integer_ = 0;
    double real_ = 0;
    char own_[24] = {};
};

/// A param with its value: {"solver", "bfgs"}, {"max_iter", 100}.
struct param {
    text key;
    mlf::value value;
};
using metric = mlf_metric_value; ///< {"loss", 0.25}
using tag = mlf_key_value;       ///< {"stage", "dev"}

// ---- where to log, and the thread's active run ----

inline status set_tracking_uri(text uri) noexcept
{
    return mlf_set_tracking_uri(uri.c_str());
}
inline std::string tracking_uri()
{
    return mlf_get_tracking_uri();
}
inline status set_experiment(text name) noexcept
{
    return mlf_set_experiment(name.c_str());
}
inline status flush() noexcept
{
    return mlf_flush();
}
inline status autolog() noexcept
{
    return mlf_autolog();
}

inline status log_param(text key, value value) noexcept
{
    return value.log(nullptr, key.c_str());
}
/// Logs each of them; returns the first failure.
inline status log_params(std::initializer_list<param> params) noexcept
{
    status first = MLF_OK;
    for (const param &each : params) {
        status one = each.value.log(nullptr, each.key.c_str());
        first = first == MLF_OK ? one : first;
    }
    return first;
}
inline status log_metric(text key, double value, std::int64_t step = 0) noexcept
{
    return mlf_log_metric(key.c_str(), value, step);
}
inline status log_metrics(std::initializer_list<metric> metrics, std::int64_t step = 0) noexcept
{
    return mlf_log_metrics(metrics.begin(), metrics.size(), step);
}
inline status set_tag(text key, text value) noexcept
{
    return mlf_set_tag(key.c_str(), value.c_str());
}
inline status set_tags(std::initializer_list<tag> tags) noexcept
{
    return mlf_set_tags(tags.begin(), tags.size());
}
inline status log_artifact(text path, text folder = nullptr) noexcept
{
    return mlf_log_artifact(path.c_str(), folder.c_str());
}
inline status log_text(text content, text artifact_file) noexcept
{
    return mlf_log_text(content.c_str(), artifact_file.c_str());
}
inline status log_model(text name, text path, const mlf_model_options *options = nullptr,
                        mlf_model_info *info = nullptr) noexcept
{
    return mlf_log_model(name.c_str(), path.c_str(), options, info);
}
inline status log_linear(text name, const mlf_linear &model,
                         const mlf_model_options *options = nullptr,
                         mlf_model_info *info = nullptr) noexcept
{
    return mlf_log_linear(name.c_str(), &model, options, info);
}

/// A run that is active while the object lives. It ends as FAILED when an exception leaves its scope, else as
/// FINISHED; end() ends it before. When it cannot be started the object is false and its calls return
/// MLF_ERR_STATE; with MLF_OFF=1 it is false and they return MLF_OK. Moving it keeps the run going.
class run
{
  public:
    explicit run(text name = nullptr, bool nested = false) noexcept
    {
        mlf_run_options options = MLF_RUN_OPTIONS_INIT;
        options.run_name = name.c_str();
        options.nested = nested;
        status_ = mlf_start_run(&options, &handle_);
    }
    explicit run(const mlf_run_options &options) noexcept
        : status_(mlf_start_run(&options, &handle_))
    {
    }
    run(run &&other) noexcept
        : handle_(std::exchange(other.handle_, nullptr)),
          status_(std::exchange(other.status_, MLF_ERR_STATE))
    {
    }
    run &operator=(run &&other) noexcept
    {
        if (this != &other) {
            leave();
            handle_ = std::exchange(other.handle_, nullptr);
            status_ = std::exchange(other.status_, MLF_ERR_STATE);
            exceptions_ = std::uncaught_exceptions();
        }
        return *this;
    }
    run(const run &) = delete;
    run &operator=(const run &) = delete;
    ~run()
    {
        leave();
    }

    /// Waits at most 2 s until the run is stored.
    mlf::status end(mlf_run_status how = MLF_RUN_FINISHED) noexcept
    {
        if (handle_ == nullptr)
            return status_;
        status_ = MLF_ERR_STATE;
        return mlf_run_end(std::exchange(handle_, nullptr), how);
    }

    explicit operator bool() const noexcept
    {
        return handle_ != nullptr;
    }
    /// How the start went; MLF_ERR_STATE once the run has ended or was moved away.
    mlf::status status() const noexcept
    {
        return status_;
    }
    /// For the C calls; nullptr when there is no run.
    mlf_run *handle() const noexcept
    {
        return handle_;
    }
    std::string id() const
    {
        return mlf_run_id(handle_);
    }
    std::string name() const
    {
        return mlf_run_name(handle_);
    }

    // These log into this run, from any thread.
    mlf::status log_param(text key, value value) noexcept
    {
        return handle_ ? value.log(handle_, key.c_str()) : status_;
    }
    mlf::status log_params(std::initializer_list<param> params) noexcept
    {
        mlf::status first = MLF_OK;
        for (const param &each : params) {
            mlf::status one = log_param(each.key, each.value);
            first = first == MLF_OK ? one : first;
        }
        return first;
    }
    mlf::status log_metric(text key, double value, std::int64_t step = 0) noexcept
    {
        return handle_ ? mlf_run_log_metric(handle_, key.c_str(), value, step) : status_;
    }
    mlf::status log_metrics(std::initializer_list<metric> metrics, std::int64_t step = 0) noexcept
    {
        return handle_ ? mlf_run_log_metrics(handle_, metrics.begin(), metrics.size(), step)
                       : status_;
    }
    mlf::status set_tag(text key, text value) noexcept
    {
        return handle_ ? mlf_run_set_tag(handle_, key.c_str(), value.c_str()) : status_;
    }
    mlf::status set_tags(std::initializer_list<tag> tags) noexcept
    {
        return handle_ ? mlf_run_set_tags(handle_, tags.begin(), tags.size()) : status_;
    }
    mlf::status log_artifact(text path, text folder = nullptr) noexcept
    {
        return handle_ ? mlf_run_log_artifact(handle_, path.c_str(), folder.c_str()) : status_;
    }
    mlf::status log_text(text content, text artifact_file) noexcept
    {
        return handle_ ? mlf_run_log_text(handle_, content.c_str(), artifact_file.c_str())
                       : status_;
    }
    /// |options| without a run of their own, and without no_run, mean this one.
    mlf::status log_model(text name, text path, mlf_model_options options = MLF_MODEL_OPTIONS_INIT,
                          mlf_model_info *info = nullptr) noexcept
    {
        if (options.run == nullptr && !options.no_run)
            options.run = handle_;
        return handle_ ? mlf_log_model(name.c_str(), path.c_str(), &options, info) : status_;
    }

  private:
    void leave() noexcept
    {
        bool failed = std::uncaught_exceptions() > exceptions_;
        if (handle_ != nullptr)
            end(failed ? MLF_RUN_FAILED : MLF_RUN_FINISHED);
    }

    mlf_run *handle_ = nullptr;
    mlf::status status_ = MLF_OK;
    int exceptions_ = std::uncaught_exceptions();
};

// ---- what is in the store ----

/// A run as it is stored. Times are milliseconds since the epoch.
struct run_record {
    std::string run_id, experiment_id, name, user, artifact_uri;
    mlf_run_status status = MLF_RUN_RUNNING;
    bool deleted = false;
    std::int64_t start_time_ms = 0, end_time_ms = -1; ///< -1: it has not ended
    std::map<std::string, std::string> params, tags;
    std::map<std::string, double> metrics; ///< latest values
    std::vector<std::string> models;       ///< ids of the logged models that it made
};

/// What to search for; filter and order in MLflow's grammar.
struct search {
    std::string filter{};
    std::vector<std::string> order_by{};
    std::vector<std::string> experiment_ids{}; ///< none: the active experiment
    mlf_view view = MLF_VIEW_ACTIVE_ONLY;
    std::size_t max_results = 0; ///< 0: all
};

namespace detail
{

inline std::string owned(const char *value)
{
    return value != nullptr ? value : "";
}

inline std::map<std::string, std::string> owned(const mlf_pair *pairs, std::size_t n)
{
    std::map<std::string, std::string> result;
    for (std::size_t i = 0; i < n; i++)
        result.emplace(owned(pairs[i].key), owned(pairs[i].value));
    return result;
}

inline run_record owned(const mlf_run_record &from)
{
    run_record to;
    to.run_id = owned(from.run_id);
    to.experiment_id = owned(from.experiment_id);
    to.name = owned(from.name);
    to.user = owned(from.user);
    to.artifact_uri = owned(from.artifact_uri);
    to.status = static_cast<mlf_run_status>(from.status);
    to.deleted = from.deleted;
    to.start_time_ms = from.start_time_ms;
    to.end_time_ms = from.end_time_ms;
    to.params = owned(from.params, from.n_params);
    to.tags = owned(from.tags, from.n_tags);
    for (std::size_t i = 0; i < from.n_metrics; i++)
        to.metrics.emplace(owned(from.metrics[i].key), from.metrics[i].value);
    for (std::size_t i = 0; i < from.n_model_outputs; i++)
        to.models.push_back(owned(from.model_outputs[i]));
    return to;
}

inline std::vector<const char *> borrowed(const std::vector<std::string> &texts)
{
    std::vector<const char *> result;
    for (const std::string &each : texts)
        result.push_back(each.c_str());
    return result;
}

struct run_page : mlf_run_list {
    run_page() : mlf_run_list()
    {
    }
    run_page(const run_page &) = delete;
    run_page &operator=(const run_page &) = delete;
    ~run_page()
    {
        mlf_run_list_free(this);
    }
};

inline status search_runs(const search &what, std::vector<run_record> &out)
{
    const std::vector<const char *> ids = borrowed(what.experiment_ids);
    const std::vector<const char *> order = borrowed(what.order_by);
    std::string token;
    mlf_search_options options = MLF_SEARCH_OPTIONS_INIT;
    options.experiment_ids = ids.empty() ? nullptr : ids.data();
    options.n_experiment_ids = ids.size();
    options.filter = what.filter.c_str();
    options.order_by = order.empty() ? nullptr : order.data();
    options.n_order_by = order.size();
    options.view = what.view;
    do {
        constexpr std::size_t page_size = 1000;
        const std::size_t wanted =
            what.max_results == 0 ? page_size : what.max_results - out.size();
        run_page page;
        options.max_results = wanted < page_size ? wanted : page_size;
        options.page_token = token.empty() ? nullptr : token.c_str();
        const status result = mlf_search_runs(&options, &page);
        if (result != MLF_OK)
            return result;
        for (std::size_t i = 0; i < page.n_runs; i++)
            out.push_back(owned(page.runs[i]));
        token = owned(page.next_page_token);
    } while (!token.empty() && (what.max_results == 0 || out.size() < what.max_results));
    return MLF_OK;
}

inline status get_run(text run_id, run_record &out)
{
    struct record : mlf_run_record {
        record() : mlf_run_record()
        {
        }
        record(const record &) = delete;
        record &operator=(const record &) = delete;
        ~record()
        {
            mlf_run_record_free(this);
        }
    } found;
    const status result = mlf_get_run(run_id.c_str(), &found);
    if (result == MLF_OK)
        out = owned(found);
    return result;
}

/// The result of |read|, empty when it failed or memory ran out.
template <typename Result, typename Read> Result whole(Read read, status *result) noexcept
{
    status code = MLF_ERR_NOMEM;
    Result out;
    try {
        code = read(out);
        if (code != MLF_OK)
            out = Result();
    } catch (const std::exception &) {
        out = Result();
    }
    if (result != nullptr)
        *result = code;
    return out;
}

} // namespace detail

/// The runs that match, the latest start first unless |what| says otherwise; reads as many pages as there are.
inline std::vector<run_record> search_runs(const search &what = {},
                                           status *result = nullptr) noexcept
{
    using runs = std::vector<run_record>;
    return detail::whole<runs>([&](runs &out) { return detail::search_runs(what, out); }, result);
}

/// One run; without an id when there is none.
inline run_record get_run(text run_id, status *result = nullptr) noexcept
{
    return detail::whole<run_record>([&](run_record &out) { return detail::get_run(run_id, out); },
                                     result);
}

/// A loaded model. Predicting is thread-safe.
class model
{
  public:
    /// Loads "models:/<model id>", "runs:/<run id>/<name>", or a path; false when it cannot be loaded.
    explicit model(text uri, mlf::status *result = nullptr) noexcept
    {
        const mlf::status code = mlf_load_model(uri.c_str(), nullptr, &handle_);
        if (result != nullptr)
            *result = code;
    }
    model(model &&other) noexcept : handle_(std::exchange(other.handle_, nullptr))
    {
    }
    model &operator=(model &&other) noexcept
    {
        std::swap(handle_, other.handle_);
        return *this;
    }
    model(const model &) = delete;
    model &operator=(const model &) = delete;
    ~model()
    {
        mlf_model_free(handle_);
    }

    explicit operator bool() const noexcept
    {
        return handle_ != nullptr;
    }
    const mlf_model *handle() const noexcept
    {
        return handle_;
    }
    std::size_t n_features() const noexcept
    {
        return handle_ ? mlf_model_n_features(handle_) : 0;
    }
    std::size_t n_outputs() const noexcept
    {
        return handle_ ? mlf_model_n_outputs(handle_) : 0;
    }
    std::string class_name(std::size_t index) const
    {
        return detail::owned(handle_ ? mlf_model_class_name(handle_, index) : nullptr);
    }
    /// Predicts |rows|, row by row n_features() values; n_outputs() values per row, of a classifier the class number.
    std::vector<double> predict(const std::vector<double> &rows,
                                mlf::status *result = nullptr) const noexcept
    {
        using values = std::vector<double>;
        const std::size_t width = n_features();
        return detail::whole<values>(
            [&](values &out) -> mlf::status {
                if (width == 0 || rows.size() % width != 0)
                    return MLF_ERR_INVAL;
                out.resize(rows.size() / width * n_outputs());
                return mlf_model_predict(handle_, rows.data(), rows.size() / width, width,
                                         out.data());
            },
            result);
    }

  private:
    mlf_model *handle_ = nullptr;
};

} // namespace mlf

#endif
