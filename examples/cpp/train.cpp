// SPDX-License-Identifier: Apache-2.0
// Scoped runs in C++17: two learning rates, one of them too large. The run whose training throws ends as FAILED.
//     c++ -std=c++17 train.cpp $(pkg-config --cflags --libs mlf) -o train
#include <mlf/mlf.hpp>

#include <cmath>
#include <iostream>

// Finds the minimum of (x - 3)^2, step by step.
static double train(mlf::run &run, double rate, int steps)
{
    double x = 0;
    run.log_params({{"rate", rate}, {"steps", steps}, {"momentum", false}, {"method", "descent"}});
    for (int step = 1; step <= steps; step++) {
        x -= rate * 2 * (x - 3);
        double loss = (x - 3) * (x - 3);
        run.log_metric("loss", loss, step);
        if (loss > 1e6)
            throw std::runtime_error("the loss grows");
    }
    return x;
}

int main()
{
    mlf::set_experiment("Scoped runs");
    for (double rate : {0.1, 1.5}) {
        try {
            mlf::run run(rate < 1 ? "small steps" : "large steps");
            const double x = train(run, rate, 40);
            std::cout << "rate " << rate << ": x = " << std::round(x) << '\n';
        } catch (const std::exception &error) {
            std::cout << "rate " << rate << ": " << error.what() << '\n';
        }
    }

    mlf::search search;
    search.order_by = {"attributes.start_time ASC"};
    for (const mlf::run_record &run : mlf::search_runs(search))
        std::cout << run.name << ", rate " << run.params.at("rate") << ": "
                  << (run.status == MLF_RUN_FAILED ? "FAILED" : "FINISHED") << '\n';
}
