"""Look at an unknown site and propose its site file: `jianghua sites add URL`.

look.py asks for some 15 to 40 pages with the crawl's own machinery (robots.txt, delays, guard, archive), in a home of its own
that is thrown away; forms.py tells forms of addresses; platforms.py recognises the CMS; proposal.py says what the site file
should hold and why; sitefile.py writes it; report.py shows it to people.
"""
