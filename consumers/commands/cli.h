// The command line of the program. The only place that knows CLI11.
#pragma once

namespace offerstream {

/// Parses the arguments, runs the command they name and returns the process's exit code (contract: 0 ok, 1 failure,
/// 2 usage, 3 configuration, 4 gate, 5 Kafka unreachable, 75 stopped to protect data, 130 interrupted).
int RunCommandLine(int argc, char** argv);

}  // namespace offerstream
