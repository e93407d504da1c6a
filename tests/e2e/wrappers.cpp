// SPDX-License-Identifier: Apache-2.0
// What test_wrappers.py runs in a folder of its own: each part of mlf.hpp once; it prints what it saw, one fact per line.
#include <mlf/mlf.hpp>

#include <cstdint>
#include <iostream>
#include <limits>
#include <string>
#include <type_traits>

static_assert(std::is_nothrow_constructible_v<mlf::run>);
static_assert(std::is_nothrow_move_constructible_v<mlf::run>);
static_assert(!std::is_copy_constructible_v<mlf::run>);

static void scopes()
{
    std::string id;
    {
        mlf::run run("plain scope");
        id = run.id();
        mlf::run inner("inner scope", true);
        inner.set_tag("where", "inner");
    }
    std::cout << "id " << id.size() << '\n';
    try {
        mlf::run run("left by an exception");
        throw std::runtime_error("training failed");
    } catch (const std::runtime_error &) {
    }
    struct in_destructor {
        ~in_destructor()
        {
            mlf::run run("while another exception passes");
        }
    };
    try {
        in_destructor guard;
        throw std::runtime_error("not of the run");
    } catch (const std::runtime_error &) {
    }
    mlf::run first("moved");
    mlf::run second(std::move(first));
    std::cout << "moved " << bool(first) << bool(second) << ' ' << mlf_status_name(first.status())
              << '\n';
    second = mlf::run("takes its place", true);
    std::cout << "assigned " << second.name() << '\n';
    std::cout << "ended " << second.end(MLF_RUN_KILLED) << ' ' << bool(second) << '\n';
}

static void values()
{
    mlf::run run("values");
    const std::string text = "from a string";
    run.log_params({{"text", "abc"},
                    {"string", text},
                    {"int", -3},
                    {"bool", true},
                    {"char", 'x'},
                    {"double", 0.25},
                    {"float", 0.1f},
                    {"long", std::int64_t(1) << 40},
                    {"unsigned", std::numeric_limits<std::uint64_t>::max()}});
    mlf::log_param("by the active run", 1);
    run.log_metrics({{"a", 1.5}, {"b", 2.5}}, 7);
    run.log_metric("a", 0.5, 8);
    mlf::set_tags({{"one", "1"}, {"two", "2"}});
    run.log_text("hello\n", "notes/hello.txt");
}

static void failures()
{
    mlf::run run("failures");
    std::cout << "no key " << mlf_status_name(run.log_param(nullptr, 1)) << '\n';
    std::cout << "bad key " << mlf_status_name(mlf::log_metric("a:b\n", 1)) << '\n';
    run.log_param("p", 1);
    try {
        mlf::check(run.log_param("p", 2));
        std::cout << "nothing thrown\n";
    } catch (const mlf::error &error) {
        std::cout << "thrown " << mlf_status_name(error.status()) << ' '
                  << (std::string(error.what()).find("'p'") != std::string::npos) << '\n';
    }
    mlf::run other("second without nesting");
    std::cout << "not started " << bool(other) << ' ' << mlf_status_name(other.status()) << ' '
              << mlf_status_name(other.log_metric("x", 1)) << '\n';
    mlf::status status = MLF_OK;
    std::cout << "no such run " << mlf::get_run("0123", &status).run_id.size() << ' '
              << (status != MLF_OK) << '\n';
}

static void reading()
{
    mlf::search search;
    search.filter = "attributes.run_name = 'values'";
    mlf::status status = MLF_OK;
    const auto runs = mlf::search_runs(search, &status);
    std::cout << "found " << runs.size() << ' ' << mlf_status_name(status) << '\n';
    for (const auto &run : runs) {
        std::cout << "float " << run.params.at("float") << '\n';
        std::cout << "metric a " << run.metrics.at("a") << '\n';
        std::cout << "same " << (mlf::get_run(run.run_id).params == run.params) << '\n';
    }
    search.filter = "attributes.";
    std::cout << "bad filter " << mlf::search_runs(search, &status).size() << ' '
              << mlf_status_name(status) << '\n';
    search.filter = "";
    search.max_results = 3;
    std::cout << "at most " << mlf::search_runs(search).size() << '\n';
}

int main()
{
    mlf::set_experiment("wrappers");
    scopes();
    values();
    failures();
    reading();
}
