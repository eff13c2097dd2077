// The program: parse the command line, run the command.
#include "consumers/commands/cli.h"

int main(int argc, char** argv) { return offerstream::RunCommandLine(argc, argv); }
