"""Packages: the names of the Debian packages whose documents the corpus stage reads."""
# ruff: noqa: SIM905 (word lists are read as words)

# Man pages, HTML, Info and text are taken from all of them; several are programs that are listed
# for their manuals alone.
PACKAGES = """
python3.11-doc debian-reference-en debian-handbook debian-faq debian-policy developers-reference
maint-guide harden-doc git-doc git-man bash-doc bash tar sed gawk grep gzip xz-utils zstd findutils
diffutils coreutils util-linux procps psmisc iproute2 iputils-ping net-tools openssh-client rsync
curl wget openssl gnupg gpg systemd cron at sudo passwd login man-db less nano vim-doc vim-runtime
zsh-doc zsh-common manpages manpages-dev perl-doc sqlite3-doc postgresql-doc-15 linux-doc-6.1
ffmpeg-doc imagemagick-doc nginx-doc apache2-doc python-django-doc python-sqlalchemy-doc
python-requests-doc nodejs-doc rust-doc golang-doc golang-1.19-doc octave-doc gnuplot-doc
maxima-doc dict-gcide dict-wn dict-jargon dict-foldoc dict-vera anarchism gimp-help-en apt apt-doc
dpkg dpkg-dev debhelper devscripts make cmake cmake-data ninja-build strace lsof tmux screen parted
e2fsprogs btrfs-progs lvm2 mdadm cryptsetup-bin nftables iptables bind9-dnsutils nmap tcpdump
wireshark-doc samba-common-bin smbclient cups-client git-lfs mercurial subversion pandoc jq ripgrep
fd-find fzf tree htop ncdu entr parallel moreutils imagemagick-6-common ghostscript-doc
poppler-utils groff ruby ri ruby3.1-doc lua5.4 r-doc-html erlang-doc sbcl-doc guile-3.0-dev m4
autoconf automake libtool bison flex tcl-doc tk-doc docker.io podman buildah skopeo lxc
qemu-system-common qemu-utils libvirt-clients ansible fish fish-common emacs-el postfix-doc
exim4-doc-html dovecot-core squid haproxy-doc varnish-doc memcached redis-tools mariadb-client
mariadb-server bc dc units libc-bin dash mawk cpio file unzip zip p7zip-full
""".split()
# Added when it was known which works are held out. Nothing new is held out of them, so the
# held-out text stayed as it was.
TRAINED_ONLY = """
abs-guide accerciser acl2-doc activemq ada-reference-manual-2012 aide aircrack-ng aisleriot
akregator allegro5-doc amanda-common anjuta-common ant-doc antlr4-doc anyremote-doc apparmor
appstream-doc apt-listbugs aptitude-doc-en argyll-doc ark artikulate asymptote-doc atomix auctex
auditd autofs autogen-doc avrdude-doc bacula-doc baobab barbican-doc beets-doc bind9-doc
binutils-doc bird2-doc blinken bomber borgbackup-doc bovo bowtie2-examples bpfcc-tools bpftrace
brasero-common bridge-utils brz-doc bubblewrap buildbot-doc bwa c++-annotations-html cantor
cargo-doc ceilometer-doc ceph-common cervisia checkstyle-doc cheese-common chezscheme-doc
chicken-bin choqok cinder-doc clamav clang-15-doc claws-mail-doc clisp-doc cmake-doc cmucl-docs
coccinelle-doc conntrack corosync-doc cppreference-doc-en-html crash crawl-common crmsh
crossfire-doc crystal-doc csound-doc cvs cyrus-doc cython-doc dar-docs darcs darktable davical-doc
db5.3-doc dblatex-doc dbus-1-doc dconf-editor debian-edu-doc-en debian-edu-doc-legacy-en
debian-history debian-refcard debmake-doc denemo-doc derby-doc designate-doc devhelp-common dgit
dia-common diskimage-builder-doc dnsmasq-base doc-debian docutils-doc dokuwiki dolphin doxygen-doc
dpdk-doc dragonplayer drbd-doc drbd-utils dselect duplicity efl-doc elfutils elpa-evil elpa-ivy
elpa-magit elpa-use-package emscripten-doc enigma-doc eog erlang-manpages ethtool evince-common
evolution-common expect extlinux fail2ban file-roller filelight firehol-doc firejail firewalld
five-or-more flatpak fltk1.3-doc flycheck-doc fontforge-doc fop-doc fossil four-in-a-row
fp-docs-3.2.2 freebsd-manpages freedombox-doc-en freetds-doc freetype2-doc frr-doc fwbuilder-doc
gambc-doc gammu-doc ganeti-doc gap-doc gdb gdbserver gedit-common gettext-doc gforth ghc-doc ghex
giac-doc git-annex git-buildpackage git-cola glade glance-doc glances-doc glpk-doc
glusterfs-client gmsh-doc gnome-boxes gnome-calculator gnome-chess gnome-clocks gnome-contacts
gnome-devel-docs gnome-disk-utility gnome-klotski gnome-logs gnome-mahjongg gnome-mines
gnome-music gnome-nibbles gnome-power-manager gnome-robots gnome-sudoku gnome-system-monitor
gnome-taquin gnome-terminal-data gnome-tetravex gnome-user-docs gnote gnu-standards gnucash-docs
gnuchess gnugo gnuhtml2latex gnumed-doc gnuradio-doc gnustep-base-doc gnustep-gui-doc gnutls-doc
gobject-introspection gprbuild-doc gprolog-doc gpsbabel-doc gradle-doc granatier granule-docs
graphviz-doc grass-doc gretl-doc groonga-doc groovy-doc grub-common grub2-common guile-3.0-doc
guitarix-doc gwenview hackrf-doc hashcat haskell98-report heat-doc hitori hostapd hplip-doc
hugin-data hugs hydra iagno icinga2-doc icu-doc ikiwiki imagemagick-6-doc installation-guide-amd64
ipvsadm ironic-doc isc-dhcp-server ivy-doc jargon-text jetty9 jfsutils jmeter-help john juk
junit4-doc k3b-data kaddressbook kamoso kanagram kapman katomic kblackbox kblocks kbounce
kbreakout kbruch kcalc kcharselect kde-cli-tools-data kdeconnect kdenlive-data kdevelop-data
kdiamond kdiff3-doc kdoctools5 kea-doc keepalived keepass2-doc kexec-tools kexi-data keystone-doc
kfind kfloppy kfourinline kgeography-data kget kgoldrunner kgpg khangman khelpcenter kid3-qt kig
kigo kile-doc killbots kinfocenter kiriki kiten kitty-doc kjumpingcube klickety klines kmag
kmahjongg kmail kmines kmix kmousetool kmouth kmplot kmymoney-common knavalbattle knetwalk
knot-doc knot-resolver-doc knotes kolf kollision kompare konqueror konquest konsole kontact
konversation-data korganizer kpat krb5-doc krdc kreversi krfb kruler krusader kshisen ksirk
ksnakeduel kspaceduel ksquares ksudoku kteatime ktimer ktimetracker ktorrent-data ktouch-data
kturtle kubrick kwalletmanager kwordquiz kwrite latex2html lazarus-doc-2.2 lemonldap-ng-doc
libanyevent-perl libapache2-mod-perl2-doc libasound2-doc libbio-perl-perl libboost1.81-doc
libcatalyst-manual-perl libcatalyst-perl libcgi-pm-perl libcoro-perl libcurl4-doc libdancer2-perl
libdatetime-perl libdbi-perl libdbix-class-perl libdist-zilla-perl libexcel-writer-xlsx-perl
libextlib-ocaml-dev libgcrypt20-doc libghc-pandoc-doc libglib-perl libglib2.0-doc libgraph-perl
libgtk-3-doc libgtk-4-doc libgtk3-perl libhtml-formhandler-perl libhtml-mason-perl
libhtml-tree-perl libimage-exiftool-perl libio-async-perl libjson-perl liblog-log4perl-perl
libmail-box-perl libmarpa-r2-perl libmath-bigint-perl libmime-tools-perl libmodule-build-perl
libmojolicious-perl libmoo-perl libmoose-perl libnet-ldap-perl libnet-snmp-perl libpango1.0-doc
libparse-recdescent-perl libperl-critic-perl libplack-perl libpod-parser-perl libpoe-perl
libppi-perl libregexp-grammars-perl librose-db-object-perl libsdl2-doc
libspreadsheet-writeexcel-perl libssl-doc libsvn-doc libsystemc-doc libtemplate-perl
libtest-harness-perl libtest-simple-perl libtext-csv-perl libtype-tiny-perl libvirt-doc
libwww-perl libx11-doc libxml-libxml-perl libxml-twig-perl libyaml-perl libzmq3-dev lightsoff
lighttpd-doc lilypond-doc-html linux-perf linuxcnc-doc-en lirc-doc live-manual-html llvm-15-doc
lokalize lp-solve-doc ltrace lxd lynis lyx-common mailfromd-doc mailutils-doc makedumpfile
mame-doc manila-doc mcl-doc meld menhir-doc mercurial-common meson mgetty-docs mit-scheme-doc
mitmproxy monit mopidy-doc mpich-doc mplayer-doc mpv mu-editor-doc multipath-tools mummer-doc
munin-doc murano-doc nagios4-core ncurses-doc nethack-common netpbm network-manager-gnome
neutron-doc nextcloud-desktop-doc nfs-common ngspice-doc nim-doc nova-doc nsis-doc nted-doc
ntfs-3g ntpsec-doc nut-doc ocaml-man octavia-doc ogre-1.12-doc okteta okular open-iscsi
openafs-doc opendnssec-doc openjdk-17-doc openmpi-doc openscap-doc openshot-qt-doc openvpn
openvswitch-doc orca ostree ovn-doc pacemaker paml-doc pandoc-data parley-data pcp-doc pdl
pdns-recursor perl-tk pgbouncer pgpool2 picmi pike8.0-doc pipewire-doc placement-doc
plasma-desktop-data plotutils policycoreutils popularity-contest postgis-doc
postgresql-15-pgrouting-doc postgresql-client-15 povray-doc praw-doc proftpd-doc proofgeneral-doc
puredata-doc pylint-doc pypy3-doc python-aiohttp-doc python-astropy-doc python-attr-doc
python-babel-doc python-behave-doc python-biopython-doc python-bottle-doc python-can-doc
python-celery-doc python-cherrypy3-doc python-click-doc python-cryptography-doc python-dask-doc
python-discord-doc python-distributed-doc python-djangorestframework-doc python-ezdxf-doc
python-flask-doc python-fonttools-doc python-gevent-doc python-guizero-doc python-h5py-doc
python-hypothesis-doc python-ipython-doc python-jinja2-doc python-kombu-doc python-lmfit-doc
python-lxml-doc python-mako-doc python-markdown-doc python-mock-doc python-mpi4py-doc
python-mpmath-doc python-nibabel-doc python-notebook-doc python-openstackclient-doc
python-openstacksdk-doc python-osmnx-doc python-pandas-doc python-patsy-doc python-peewee-doc
python-pil-doc python-psutil-doc python-psycopg2-doc python-pygame-doc python-pygments-doc
python-pyparsing-doc python-pyqtgraph-doc python-pytest-doc python-quart-doc python-rdflib-doc
python-reportlab-doc python-scipy-doc python-scrapy-doc python-setuptools-doc python-simpy-doc
python-skimage-doc python-sklearn-doc python-slixmpp-doc python-sqlobject-doc
python-statsmodels-doc python-structlog-doc python-sympy-doc python-tables-doc python-taskflow-doc
python-tornado-doc python-traitlets-doc python-urwid-doc python-webob-doc python-werkzeug-doc
python-xarray-doc qtbase5-doc-html qtcreator-doc qtdeclarative5-doc-html quadrapassel quilt quota
racket-doc rcs rdiff-backup rdkit-doc reiserfsprogs renpy-doc reportbug rhythmbox-data rkhunter
rkward-data rocs rosegarden rsnapshot rsyslog-doc rust-web-doc sagemath-doc samtools saods9-doc
scala-doc scheme48-doc scons-doc sdcc-doc seahorse selinux-policy-doc sendmail-doc ser2net
shishi-doc shorewall-doc shotwell-common simple-scan singular-doc skrooge-common sleuthkit
slurm-wlm-doc smlnj-doc snakemake-doc snapd snd-doc snmp snmpd solfege-doc sound-juicer sox
spamassassin sphinx-doc sqlite3-tools step stilts-doc streamlink strongswan-starter stunnel4
subversion-tools sumo-doc svn-buildpackage sweeper swell-foop swi-prolog-doc swift-doc swig4.0-doc
syslinux-common sysstat systemd-container systemsettings systemtap-doc tali targetcli-fb
tcl8.6-doc tcllib tdb-tools telepathy-specification tellico-doc texinfo texstudio-doc therion-doc
tk8.6-doc tklib tla tldr tomboy-ng tomcat10-docs topcat-doc tor totem-common trace-cmd
translate-toolkit-doc tuxpaint-data twisted-doc u-boot-tools ubuntu-packaging-guide-html ufw
uima-doc unattended-upgrades unbound valgrind velocity-doc vinagre vlan vlc-data weechat-doc
weka-doc why3-doc-html wpasupplicant wsjtx-doc wx3.2-doc xapian-doc xboard xen-doc xfig-doc
xfsprogs
""".split()
