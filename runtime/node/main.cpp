#include "api/cli/cli_main.hpp"
#include "runtime/node/boot.hpp"

int main(int argc, char** argv) {
  actord::cli::cli_hooks hooks;
  hooks.run_agent = [](actord::loaded_config loaded, std::function<actord::result<actord::loaded_config>()> reload) {
    return actord::run_agent(std::move(loaded), std::move(reload));
  };
  return actord::cli::cli_main(argc, argv, hooks);
}
