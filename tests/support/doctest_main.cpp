#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

// CAF 0.17.6 forgets the doorman (200 bytes) of a broker that ends before its multiplexer has gone round once, which only tests do.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:new_doorman\n"; }
