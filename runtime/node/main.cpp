#include "api/cli/cli_main.hpp"
#include "runtime/base/text_hash.hpp"
#include "runtime/node/boot.hpp"
#include "runtime/node/restart.hpp"
#include "runtime/telemetry/log_writer.hpp"
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fcntl.h>
#include <new>
#include <system_error>
#include <unistd.h>

namespace {

// Any thread's end by an exception: what a process may not have is a limit and no fault, so it is said in words, without a core file.
[[noreturn]] void end_of_thread() {
  using actord::telemetry::last_words;
  actord::telemetry::drain_logs();
  try {
    if (auto thrown = std::current_exception()) std::rethrow_exception(thrown);
  } catch (const std::bad_alloc&) {
    last_words("==> out of memory: look at ulimit -v and at the memory that this process may have\n");
    ::_exit(1);
  } catch (const std::system_error& e) {
    for (const char* part : {"==> ", e.what(), ": look at ulimit -u and ulimit -v\n"}) last_words(part);
    ::_exit(1);
  } catch (const std::exception& e) {
    for (const char* part : {"==> a fault of this program: ", e.what(), "\n"}) last_words(part);
  } catch (...) {
  }
  std::abort();
}

// Who started us may have closed them. The next file that is opened, say a database, would get the number, and lines of the log.
void open_standard_streams() {
  for (;;) {
    int fd = ::open("/dev/null", O_RDWR);
    if (fd < 0) fd = ::open("/", O_PATH); // neither read nor written, but it takes the number
    if (fd < 0) return;
    if (fd <= STDERR_FILENO) continue;
    ::close(fd);
    return;
  }
}

} // namespace

int main(int argc, char** argv) try {
  std::set_terminate(end_of_thread);
  open_standard_streams();
  actord::draw_text_hash_key();
  actord::keep_for_restart(argv);
  actord::cli::cli_hooks hooks;
  hooks.run_agent = [](actord::loaded_config loaded, std::function<actord::result<actord::loaded_config>()> reload) {
    return actord::run_agent(std::move(loaded), std::move(reload));
  };
  return actord::cli::cli_main(argc, argv, hooks);
} catch (const std::bad_alloc&) {
  std::fputs("==> out of memory: look at ulimit -v and at the memory that this process may have\n", stderr);
  return 1;
} catch (const std::exception& e) { // say a thread of a library
  std::fprintf(stderr, "==> %s: look at ulimit -u and ulimit -v\n", e.what());
  return 1;
}
