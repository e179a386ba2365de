#ifndef LOSSD_SERVER_RUNS_RUN_FINDINGS_H_
#define LOSSD_SERVER_RUNS_RUN_FINDINGS_H_

#include <string>
#include <vector>

#include "server/runs/run.h"

namespace lossd::runs {

// Returns what the numbers of `run` say, in sentences; none where they say nothing yet:
//
//   - whether the turn rate, the turns for each presentation, fell from the first to the last
//     quarter of the presentations from the third epoch on. Said where the two differ by more than
//     three standard deviations of their counts, or where turns are so many that a fall by a tenth
//     would;
//   - how many samples were never learned, and how many were forgotten, after three presentations
//     a sample on average.
std::vector<std::string> FindingsOf(const Run& run);

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_RUN_FINDINGS_H_
