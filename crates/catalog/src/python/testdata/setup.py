from setuptools import setup  # not 'x==1'

NAME = 'app'
TEST_REQUIREMENTS = ["t==3.0"]
PINS = ['p==4.0', 'words of a list']
VERSION = '1.%s' % 2

setup(
    name="app",
    version="0.1.0",
    description='z==1',
    python_requires=">=3.7",
    install_requires=[
        'a==1.0', " b >= 2.0 ",  # 'c==3'
        # 'd==4.0',
        "e", f"f=={VERSION}", 'g==%s' % 1, "h=={}".format(2),
        """i
        j~=1.0""",
        'not a requirement !',
    ],
    extras_require={"extra==1": ['k[x]==5.0; python_version < "3"']},
    setup_requires=['s==6.0'],
    classifiers=["License :: OSI Approved", 'q==7.0'],
)
