#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "tests/support/tests_folder.hpp"
#include <doctest/doctest.h>

// CAF 0.17.6 forgets the doorman (200 bytes) of a broker that ends before its multiplexer has gone round once, which only tests do.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:new_doorman\n"; }

std::string actord::test::tests_folder() { return ACTORD_TESTS_DIR; }
