// SPDX-License-Identifier: Apache-2.0
// What test_wrappers.py runs in a folder of its own: each part of tuner.hpp once; it prints what it saw, one fact per line.
#include <mlf/tuner.hpp>

#include <atomic>
#include <iostream>

static mlf_study_options options(const char *name)
{
    mlf_study_options out = MLF_STUDY_OPTIONS_INIT;
    out.name = name;
    out.sampler = "random";
    out.seed = 1;
    return out;
}

static void optimise()
{
    mlf::study study(options("parabola"));
    int pruned = 0;
    auto objective = [&](mlf::trial &trial) {
        const double x = trial.suggest_float("x", -5, 5),
                     rate = trial.suggest_float_log("rate", 0.1, 1);
        const auto n = trial.suggest_int("n", 2, 8, 2),
                   width = trial.suggest_int_log("width", 1, 64);
        const std::string kernel = trial.suggest_categorical("kernel", {"linear", "rbf"});
        trial.set_user_attr("kernel", kernel);
        trial.set_constraint("width", double(width - 64));
        trial.report(x * x + 1, 0);
        if (trial.should_prune() || trial.number() == 3) {
            pruned++;
            throw mlf::trial_pruned();
        }
        return x * x + (rate < 0.1) + double(n % 2) + (kernel.empty() ? 1 : 0);
    };
    study.optimize(objective, 10);
    const auto best = study.best();
    const double x = std::stod(best.params.at("x"));
    std::cout << "pruned " << (pruned > 0) << '\n';
    std::cout << "best " << (best.value == x * x) << ' ' << best.params.size() << '\n';
}

static void throws()
{
    mlf::study study(options("throws"));
    std::atomic<int> called{0};
    auto objective = [&](mlf::trial &) -> double {
        called++;
        throw std::runtime_error("the training failed");
    };
    try {
        study.optimize(objective, 5);
    } catch (const std::runtime_error &error) {
        std::cout << "thrown " << error.what() << ' ' << called << '\n';
    }
    mlf_optimize_options many = MLF_OPTIMIZE_OPTIONS_INIT;
    many.n_trials = 6;
    many.n_jobs = 3;
    many.catch_errors = true;
    study.optimize(objective, many);
    std::cout << "caught " << called << '\n';
    try {
        study.best();
    } catch (const mlf::error &error) {
        std::cout << "none is best " << mlf_status_name(error.status()) << '\n';
    }
}

/* A study that goes on with another space than it had. */
static void other_space()
{
    mlf::study study = mlf::study::load("parabola");
    for (int i = 0; i < 3; i++) {
        try {
            study.optimize(
                [i](mlf::trial &trial) {
                    return i == 0 ? double(trial.suggest_int("x", -5, 5))
                           : i == 1
                               ? double(
                                     trial.suggest_categorical("kernel", {"linear", "poly"}).size())
                               : trial.suggest_float("x", 10, 20);
                },
                1);
            std::cout << "another range is taken\n";
        } catch (const mlf::error &error) {
            std::cout << mlf_status_name(error.status()) << ' ' << error.what() << '\n';
        }
    }
}

static void several()
{
    static const char *const METRICS[] = {"loss", "size"};
    static const mlf_direction DIRECTIONS[] = {MLF_MINIMIZE, MLF_MINIMIZE};
    mlf_study_options two = options("two");
    two.metrics = METRICS;
    two.directions = DIRECTIONS;
    two.n_objectives = 2;
    mlf::study study(two);
    study.optimize(
        [](mlf::trial &trial) {
            const double x = trial.suggest_float("x", 0, 1);
            return std::vector<double>{x, 1 - x};
        },
        3);
    try {
        study.optimize([](mlf::trial &) { return 1.0; }, 3);
    } catch (const std::length_error &error) {
        std::cout << error.what() << '\n';
    }
}

int main()
{
    mlf::set_experiment("studies");
    optimise();
    throws();
    other_space();
    several();
    try {
        mlf::study study(options(""));
    } catch (const mlf::error &error) {
        std::cout << error.what() << '\n';
    }
}
