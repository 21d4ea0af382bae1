// Writes the manual's pages: man_pages DATE FOLDER.
#include "api/cli/man_page.hpp"
#include <fstream>
#include <iostream>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: man_pages YYYY-MM-DD FOLDER\n";
    return 2;
  }
  const std::string folder = argv[2];
  std::ofstream commands(folder + "/consul-actord.1"), settings(folder + "/consul-actord.hcl.5");
  commands << actord::cli::man_page_of_commands(argv[1]);
  settings << actord::cli::man_page_of_settings(argv[1]);
  return commands.flush() && settings.flush() ? 0 : 1;
}
