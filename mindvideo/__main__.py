import sys

from mindvideo.cli import main

sys.exit(main())
