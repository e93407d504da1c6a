// SPDX-License-Identifier: Apache-2.0
// Studies for C++17: an objective is any callable, and may throw. Header only, over <mlf/tuner.h>; link with -lmlf_tuner
// (pkg-config mlf-tuner). <mlf/mlf.hpp> does not bring this header in, as <mlf/mlf.h> does not bring in tuner.h.
//
// The rule for errors is not that of mlf.hpp: what fails here throws mlf::error, since without a study or a value there
// is nothing to go on with. What only notes something about a trial returns the mlf_status of the C call.
#ifndef MLF_TUNER_HPP
#define MLF_TUNER_HPP

#include <mlf/mlf.hpp>
#include <mlf/tuner.h>

#include <algorithm>
#include <memory>
#include <mutex>

namespace mlf
{

/// Thrown by an objective whose trial is to end as pruned.
struct trial_pruned : std::exception {
    const char *what() const noexcept override
    {
        return mlf_strerror(MLF_ERR_PRUNED);
    }
};

/// A trial that is going on; borrowed from its study, and valid until its objective returns.
class trial
{
  public:
    explicit trial(mlf_trial *handle) noexcept : handle_(handle)
    {
    }
    double suggest_float(text name, double low, double high, double step = 0)
    {
        double out = 0;
        check(mlf_suggest_float(handle_, name.c_str(), low, high, step, &out));
        return out;
    }
    double suggest_float_log(text name, double low, double high)
    {
        double out = 0;
        check(mlf_suggest_float_log(handle_, name.c_str(), low, high, &out));
        return out;
    }
    std::int64_t suggest_int(text name, std::int64_t low, std::int64_t high, std::int64_t step = 1)
    {
        std::int64_t out = 0;
        check(mlf_suggest_int(handle_, name.c_str(), low, high, step, &out));
        return out;
    }
    std::int64_t suggest_int_log(text name, std::int64_t low, std::int64_t high)
    {
        std::int64_t out = 0;
        check(mlf_suggest_int_log(handle_, name.c_str(), low, high, &out));
        return out;
    }
    /// One of |choices|.
    std::string suggest_categorical(text name, const std::vector<std::string> &choices)
    {
        std::vector<const char *> texts;
        for (const std::string &choice : choices)
            texts.push_back(choice.c_str());
        std::size_t out = 0;
        check(mlf_suggest_categorical(handle_, name.c_str(), texts.data(), texts.size(), &out));
        return choices[out];
    }

    std::int64_t number() const noexcept
    {
        return mlf_trial_number(handle_);
    }
    status report(double value, std::int64_t step) noexcept
    {
        return mlf_trial_report(handle_, value, step);
    }
    /// Then throw trial_pruned().
    bool should_prune() noexcept
    {
        return mlf_trial_should_prune(handle_);
    }
    status set_user_attr(text key, text value) noexcept
    {
        return mlf_trial_set_user_attr(handle_, key.c_str(), value.c_str());
    }
    status set_constraint(text key, double value) noexcept
    {
        return mlf_trial_set_constraint(handle_, key.c_str(), value);
    }
    /// For the C calls.
    mlf_trial *handle() const noexcept
    {
        return handle_;
    }

  private:
    mlf_trial *handle_;
};

namespace detail
{

/// What the C library hands through to an objective, and the first exception that came out of it.
template <typename Objective> struct call {
    Objective &objective;
    const std::size_t n_values;
    std::mutex lock;
    std::exception_ptr thrown;

    void store(double result, double *values) const
    {
        store(std::vector<double>{result}, values);
    }
    void store(const std::vector<double> &result, double *values) const
    {
        if (result.size() != n_values)
            throw std::length_error("an objective returned " + std::to_string(result.size()) +
                                    " of " + std::to_string(n_values) + " values");
        std::copy(result.begin(), result.end(), values);
    }
    /// Nothing may be thrown through the C library's loop.
    static mlf_status run(mlf_trial *handle, void *user, double *values) noexcept
    {
        call &self = *static_cast<call *>(user);
        try {
            trial each(handle);
            self.store(self.objective(each), values);
            return MLF_OK;
        } catch (const trial_pruned &) {
            return MLF_ERR_PRUNED;
        } catch (...) {
            const std::lock_guard<std::mutex> guard(self.lock);
            if (!self.thrown)
                self.thrown = std::current_exception();
            return MLF_ERR_STATE;
        }
    }
};

} // namespace detail

/// A study; it ends with its scope.
class study
{
  public:
    explicit study(const mlf_study_options &options = MLF_STUDY_OPTIONS_INIT)
    {
        mlf_study *handle = nullptr;
        check(mlf_study_create(&options, &handle));
        handle_.reset(handle);
    }
    /// Goes on with a study of the store, by its name or the id of its run.
    static study load(text name, const mlf_study_options &options = MLF_STUDY_OPTIONS_INIT)
    {
        mlf_study *handle = nullptr;
        check(mlf_study_load(name.c_str(), &options, &handle));
        return study(handle);
    }

    /// Runs |n_trials| trials of |objective|, a callable of a trial & that returns a double, or with several objectives a
    /// std::vector<double> of as many. One that throws trial_pruned ends its trial as pruned; any other exception fails
    /// the trial, and leaves from here once the trials that are going on have finished.
    template <typename Objective> void optimize(Objective &&objective, std::int64_t n_trials)
    {
        mlf_optimize_options options = MLF_OPTIMIZE_OPTIONS_INIT;
        options.n_trials = n_trials;
        optimize(objective, options);
    }
    /// The same with options; with n_jobs > 1 |objective| runs in several threads at once. With catch_errors exceptions
    /// end here.
    template <typename Objective>
    void optimize(Objective &&objective, const mlf_optimize_options &options)
    {
        detail::call<std::remove_reference_t<Objective>> call{
            objective, mlf_study_n_objectives(handle_.get()), {}, {}};
        const mlf::status code = mlf_study_optimize_with(handle_.get(), call.run, &call, &options);
        if (call.thrown && !options.catch_errors)
            std::rethrow_exception(call.thrown);
        check(code);
    }
    void stop() noexcept
    {
        mlf_study_stop(handle_.get());
    }

    /// A trial's number, value, and params by name.
    struct result {
        std::int64_t number = -1;
        double value = 0;
        std::map<std::string, std::string> params;
    };
    /// The best one; with several objectives there is none.
    result best() const
    {
        mlf_trial_record record;
        check(mlf_study_best_trial(handle_.get(), &record));
        const std::unique_ptr<mlf_trial_record, free_record> guard(&record);
        result out;
        out.number = record.number;
        out.value = record.values[0];
        for (std::size_t i = 0; i < record.n_params; i++)
            out.params.emplace(record.params[i].name, record.params[i].value);
        return out;
    }
    /// For the C calls.
    mlf_study *handle() const noexcept
    {
        return handle_.get();
    }

  private:
    struct destroy {
        void operator()(mlf_study *handle) const noexcept
        {
            mlf_study_destroy(handle);
        }
    };
    struct free_record {
        void operator()(mlf_trial_record *record) const noexcept
        {
            mlf_trial_record_free(record);
        }
    };
    explicit study(mlf_study *handle) : handle_(handle)
    {
    }
    std::unique_ptr<mlf_study, destroy> handle_;
};

} // namespace mlf

#endif
