#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

// CAF 0.17.6 keeps an ended broker, its listening socket and what these held until the process is over. Each of ours lives as long as its
// process; only tests make more of them.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:new_doorman\nleak:caf::io::broker\nleak:2io6broker\n"; }
